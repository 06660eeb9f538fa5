"""Clients that people use, and what their output must say."""

import hashlib
import random
import re
import socket
import threading

from harness import commands


def url(address, path="/", port=80):
    """With the port in any case: wrk looks "http" up in a file that a minimal Debian does not have."""
    host = f"[{address}]" if ":" in address else address
    return f"http://{host}:{port}{path}"


def make_file(path, size_bytes, seed):
    """A file of seeded random bytes; its SHA-256."""
    source = random.Random(seed)
    digest = hashlib.sha256()
    with open(path, "wb") as file:
        left = size_bytes
        while left > 0:
            piece = source.randbytes(min(left, 1 << 20))
            digest.update(piece)
            file.write(piece)
            left -= len(piece)
    return digest.hexdigest()


def curl(namespace, target, *options, timeout_s=30):
    """The body that curl gets; an error status or a broken transfer is a failure."""
    return namespace.run(["curl", "--silent", "--show-error", "--fail", "--globoff", "--max-time",
                          timeout_s, *options, target], timeout_s=timeout_s + 5, text=False).stdout


def curl_sha256(namespace, target, timeout_s=120):
    """SHA-256 of what curl gets, through a pipe."""
    shell = 'set -o pipefail; curl -sS --fail --globoff --max-time "$2" "$1" | sha256sum'
    return namespace.run(["bash", "-c", shell, "bash", target, timeout_s],
                         timeout_s=timeout_s + 5).stdout.split()[0]


def ping(namespace, address, size_bytes=56, count=3):
    namespace.run(["ping", "-c", count, "-i", "0.2", "-W", "5", "-s", size_bytes, address])


def receive_all(connection, limit_bytes=1 << 32):
    """Everything up to the end of the stream."""
    pieces = []
    total = 0
    while total < limit_bytes:
        piece = connection.recv(1 << 18)
        if not piece:
            break
        pieces.append(piece)
        total += len(piece)
    return b"".join(pieces)


def receive_exactly(connection, count):
    data = bytearray()
    while len(data) < count:
        piece = connection.recv(min(1 << 18, count - len(data)))
        if not piece:
            raise commands.CommandError(f"the stream ended after {len(data)} of {count} bytes")
        data += piece
    return bytes(data)


def echo_sha256(connection, path):
    """Sends a file and half-closes while it receives; SHA-256 of what came back."""
    failure = []

    def send():
        try:
            with open(path, "rb") as file:
                connection.sendfile(file)
            connection.shutdown(socket.SHUT_WR)
        except OSError as error:
            failure.append(error)

    sender = threading.Thread(target=send, daemon=True)
    sender.start()
    digest = hashlib.sha256()
    while piece := connection.recv(1 << 18):
        digest.update(piece)
    sender.join()
    if failure:
        raise failure[0]
    return digest.hexdigest()


def wrk(namespace, target, connections=64, seconds=10, threads=1):
    """Runs wrk; how many requests it made. A failed request is a failure."""
    output = namespace.run(["wrk", "-t", threads, "-c", connections, "-d", f"{seconds}s",
                            "--timeout", "10s", target], timeout_s=seconds + 30).stdout
    for bad in ("Socket errors", "Non-2xx"):
        if bad in output:
            raise commands.CommandError(f"wrk met errors:\n{output}")
    requests = int(_number(r"(\d+) requests in", output))
    if requests == 0:
        raise commands.CommandError(f"wrk got nothing through:\n{output}")
    return requests


def ab(namespace, target, requests=20000, concurrency=64, timeout_s=180):
    """Runs ab without keep-alive; requests a second. A failed request is a failure."""
    output = namespace.run(["ab", "-q", "-s", "20", "-n", requests, "-c", concurrency, target],
                           timeout_s=timeout_s).stdout
    complete = int(_number(r"Complete requests:\s+(\d+)", output))
    failed = int(_number(r"Failed requests:\s+(\d+)", output))
    if complete != requests or failed != 0 or "Non-2xx" in output or "Write errors" in output:
        raise commands.CommandError(f"ab met errors:\n{output}")
    return float(_number(r"Requests per second:\s+([\d.]+)", output))


def _number(pattern, output):
    match = re.search(pattern, output)
    if not match:
        raise commands.CommandError(f"no '{pattern}' in:\n{output}")
    return match[1]
