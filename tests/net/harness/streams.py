"""Streams whose every byte is known (byte n is n modulo 251), and the kernel's ends of them."""

import functools
import hashlib
import threading

from harness import commands
from harness.namespaces import set_congestion

_PERIOD = 251
# Whole periods: a stream is this, again and again.
_BLOCK = bytes(n % _PERIOD for n in range(_PERIOD * 1024))


def send(connection, count):
    """The first `count` bytes of the stream."""
    for _ in range(count // len(_BLOCK)):
        connection.sendall(_BLOCK)
    connection.sendall(_BLOCK[:count % len(_BLOCK)])


@functools.cache
def sha256(count):
    """Of the stream's first `count` bytes."""
    digest = hashlib.sha256()
    for _ in range(count // len(_BLOCK)):
        digest.update(_BLOCK)
    digest.update(_BLOCK[:count % len(_BLOCK)])
    return digest.hexdigest()


def receive(connection, count):
    """Everything up to the end of the stream, which must be its first `count` bytes."""
    digest = hashlib.sha256()
    received = 0
    while piece := connection.recv(1 << 18):
        digest.update(piece)
        received += len(piece)
    if received != count:
        raise commands.CommandError(f"{received} bytes arrived, and {count} were sent")
    if digest.hexdigest() != sha256(count):
        raise commands.CommandError(f"of {count} bytes some are not what was sent")


class KernelServer:
    """A listening socket of a kernel; `serve(connection)` runs in a thread for each that it accepts.
    What goes wrong there is raised when the context is left."""

    def __init__(self, namespace, family, port, serve, backlog=1024, congestion=None):
        self._listener = namespace.socket(family)
        if congestion:
            set_congestion(self._listener, congestion)
        self._listener.bind(("", port))
        self._listener.listen(backlog)
        self._serve = serve
        self._failures = []
        self._threads = []
        self._acceptor = threading.Thread(target=self._accept, daemon=True)

    def __enter__(self):
        self._acceptor.start()
        return self

    def __exit__(self, kind, *_):
        # Wakes the acceptor, which close() would not.
        self._listener.shutdown(2)
        self._acceptor.join()
        self._listener.close()
        for thread in self._threads:
            thread.join(timeout=30 if kind is None else 0)
        if kind is None and self._failures:
            raise self._failures[0]

    def _accept(self):
        while True:
            try:
                connection, _ = self._listener.accept()
            except OSError:
                return
            thread = threading.Thread(target=self._run, args=(connection,), daemon=True)
            self._threads.append(thread)
            thread.start()

    def _run(self, connection):
        try:
            with connection:
                self._serve(connection)
        except (OSError, commands.CommandError) as error:
            self._failures.append(error)
