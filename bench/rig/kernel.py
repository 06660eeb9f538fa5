"""The kernel's side of a link: how it is tuned for a busy server, and what it counts."""

import json

from harness import commands

# 2·MSL is fixed in Linux.
TIME_WAIT_S = 60
TIME_WAIT_MAX = 32768

_SETTINGS = {"ipv4": {"ip_local_port_range": "1024 65535", "tcp_max_syn_backlog": 65536,
                      "tcp_max_tw_buckets": TIME_WAIT_MAX, "tcp_tw_reuse": 1},
             "core": {"somaxconn": 65535}}

# Of /proc/net/netstat, what says that something was turned away.
_DROPS = ("ListenOverflows", "ListenDrops", "TCPBacklogDrop", "TCPRcvQDrop", "TCPReqQFullDrop",
          "TCPTimeWaitOverflow")


def tune(side):
    for folder, settings in _SETTINGS.items():
        side.namespace.sysctl(folder, **settings)


def settings_text():
    return "".join(f"net.{folder}.{key} = {value}\n" for folder, settings in _SETTINGS.items()
                   for key, value in settings.items())


def listens(side, port):
    return bool(side.run(["ss", "-Hltn", f"sport = :{port}"]).stdout)


def interface_counters(side):
    """The interface's account, by "rx" and "tx"."""
    shown = side.run(["ip", "-json", "-statistics", "link", "show", "dev", side.interface]).stdout
    return json.loads(shown)[0]["stats64"]


def drops(side, interface):
    """What was lost at the interface, and what TCP turned away."""
    lines = [line.split() for line in side.run(["cat", "/proc/net/netstat"]).stdout.splitlines()]
    tcp = next(dict(zip(names, values)) for names, values in zip(lines[::2], lines[1::2])
               if names[0] == "TcpExt:")
    return {**{name: int(tcp[name]) for name in _DROPS},
            "interface_rx_dropped": interface["rx"]["dropped"],
            "interface_tx_dropped": interface["tx"]["dropped"]}


def time_waits(side):
    for line in side.run(["cat", "/proc/net/sockstat"]).stdout.splitlines():
        if line.startswith("TCP:"):
            words = line.split()
            return int(words[words.index("tw") + 1])
    raise commands.CommandError("no TCP in /proc/net/sockstat")
