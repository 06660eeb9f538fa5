"""Network namespaces, and sockets inside them."""

import ctypes
import os
import socket
import threading

from harness import commands, workplace

_libc = ctypes.CDLL(None, use_errno=True)
_CLONE_NEWNET = 0x40000000


def set_congestion(connection, algorithm):
    """The kernel's congestion control of a socket, whatever this machine's default is (which a
    namespace may only set to what its machine allows everyone)."""
    connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_CONGESTION, algorithm.encode())


class Namespace:
    """A network namespace with a running loopback; deleted on exit."""

    def __init__(self, role):
        self.name = workplace.namespace_name(role)

    def __enter__(self):
        commands.run(["ip", "netns", "add", self.name])
        self.run(["ip", "link", "set", "dev", "lo", "up"])
        return self

    def __exit__(self, *_):
        commands.run(["ip", "netns", "delete", self.name], check=False)

    def command(self, command):
        """`command` as it must be called to run inside."""
        return ["ip", "netns", "exec", self.name, *command]

    def run(self, command, **options):
        return commands.run(self.command(command), **options)

    def sysctl(self, folder="ipv4", **settings):
        """Sets kernel parameters of net.ipv4 or another folder of net: tcp_sack=0."""
        for key, value in settings.items():
            path = f"/proc/sys/net/{folder}/{key}"
            self.run(["sh", "-c", 'printf %s "$1" >"$2"', "sh", str(value), path])

    def has_interface(self, interface):
        return self.run(["ip", "link", "show", "dev", interface], check=False).returncode == 0

    def socket(self, family, kind=socket.SOCK_STREAM):
        """A socket that lives in this namespace. A thread of its own goes in to make it: a socket
        stays where it was made, and the test stays where it is."""
        made = []

        def make():
            handle = os.open(f"/run/netns/{self.name}", os.O_RDONLY)
            try:
                if _libc.setns(handle, _CLONE_NEWNET) != 0:
                    raise OSError(ctypes.get_errno(), f"setns to {self.name}")
                made.append(socket.socket(family, kind))
            except OSError as error:
                made.append(error)
            finally:
                os.close(handle)

        thread = threading.Thread(target=make)
        thread.start()
        thread.join()
        if isinstance(made[0], OSError):
            raise made[0]
        return made[0]

    def connect(self, address, port, source_port=0, timeout_s=20, congestion=None):
        """A TCP connection from inside."""
        family = socket.AF_INET6 if ":" in address else socket.AF_INET
        made = self.socket(family)
        try:
            made.settimeout(timeout_s)
            if congestion:
                set_congestion(made, congestion)
            if source_port:
                made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
                made.bind(("", source_port))
            made.connect((address, port))
        except BaseException:
            made.close()
            raise
        return made
