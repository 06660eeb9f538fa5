#!/usr/bin/env python3
"""Measures millrace beside the kernel's CUBIC, over the same impaired link and with the same seeds.

Transfers: one connection moves a file each way, at several rates of loss. `sends` is millrace (or the
rival kernel) sending to a kernel, `receives` the other way round; every byte is checked. Sharing: two
connections, one of millrace's and one of a kernel's, send through one bottleneck at the same time.

Needs root and a build with DPDK and the tests. Prints tables as Markdown, and whether each line holds;
the exit code is 1 when one does not, 2 when something did not work.
"""

import concurrent.futures
import contextlib
import itertools
import multiprocessing
import os
import pathlib
import socket
import statistics
import sys
import threading
import time

sys.dont_write_bytecode = True
sys.path[0] = str(pathlib.Path(__file__).resolve().parents[1])

# rig first: it says where harness is.
from rig import command, programs, session  # noqa: E402

from harness import clients, commands, links, streams, workplace  # noqa: E402
from harness.tcp_peer import TcpPeer  # noqa: E402

_PORT = 5001
_CONGESTION = "cubic"
_TIMEOUT_S = 900

_DELAY_MS = 10  # Each way.
_TRANSFER_MBIT = 100
_TRANSFER_QUEUE_BYTES = 250_000
_SHARING_MBIT = 50
# One bandwidth-delay product.
_SHARING_QUEUE_BYTES = _SHARING_MBIT * 2 * _DELAY_MS * 1000 // 8

# Of the kernel's goodput, what ours must reach.
_GOODPUT_SHARE_MIN = 0.95
# Of a bottleneck, what ours may take.
_FAIR_PERCENT = (40, 60)


def _transfer_link(loss_percent, seed):
    way = (f"loss={loss_percent / 100},delay_ms={_DELAY_MS},rate_mbit={_TRANSFER_MBIT},"
           f"queue_bytes={_TRANSFER_QUEUE_BYTES}")
    return links.Impaired(up=way, down=way, seed=seed)


def _sharing_link(seed):
    return links.Impaired(up=f"delay_ms={_DELAY_MS}", seed=seed,
                          down=f"delay_ms={_DELAY_MS},rate_mbit={_SHARING_MBIT},"
                               f"queue_bytes={_SHARING_QUEUE_BYTES}")


@contextlib.contextmanager
def _millrace(link, way, count, options):
    sending = ["--bytes", count] if way == "sends" else ["--after-the-peer"]
    with TcpPeer(link, "--listen", _PORT, *sending, *options.peer_options.split()) as peer:
        yield links.SERVER4
        if way == "receives":
            told = peer.ended(1)[0]
            if told["received"] != count or not told["exact"]:
                raise commands.CommandError(f"tcp_peer did not get what was sent: {told}")
        counters = peer.finish()
        if options.counters:
            print(counters, file=sys.stderr, flush=True)


@contextlib.contextmanager
def _kernel(link, way, count, _):
    serve = streams.send if way == "sends" else streams.receive
    with streams.KernelServer(link.rival, socket.AF_INET, _PORT,
                              lambda connection: serve(connection, count),
                              congestion=_CONGESTION):
        yield links.RIVAL4


_SUBJECTS = {"millrace": _millrace, "kernel": _kernel}


def _transfer(loss_percent, way, subject, seed, options):
    """One file over one link; megabits a second."""
    count = options.megabytes * 1_000_000
    try:
        with _transfer_link(loss_percent, seed) as link:
            with _SUBJECTS[subject](link, way, count, options) as address:
                began = time.monotonic()
                with link.client.connect(address, _PORT, timeout_s=_TIMEOUT_S,
                                         congestion=_CONGESTION) as connection:
                    if way == "sends":
                        streams.receive(connection, count)
                    else:
                        streams.send(connection, count)
                        connection.shutdown(socket.SHUT_WR)
                        clients.receive_all(connection)
                    seconds = time.monotonic() - began
            link.report()
        return count * 8 / seconds / 1e6
    finally:
        workplace.remove()


def _drain_for(connection, began, seconds, warm_up_s):
    """Bytes that arrive between the end of the warming up and the end."""
    received = 0
    while (now := time.monotonic()) < began + seconds:
        piece = connection.recv(1 << 18)
        if now > began + warm_up_s:
            received += len(piece)
    return received


def _share(seed, options):
    """Of what two connections get through a bottleneck, the percentage that is ours."""
    count = 1 << 40
    addresses = [links.SERVER4, links.RIVAL4]
    received = {}
    try:
        with _sharing_link(seed) as link, _millrace_without_end(link, count, options), \
                _kernel_without_end(link, count):
            # Who comes first changes with the seed.
            opened = {address: link.client.connect(address, _PORT)
                      for address in (addresses if seed % 2 else reversed(addresses))}
            began = time.monotonic()

            def drain(address):
                received[address] = _drain_for(opened[address], began, options.seconds,
                                               options.seconds / 6)

            threads = [threading.Thread(target=drain, args=(address,)) for address in addresses]
            for thread in threads:
                thread.start()
            for thread in threads:
                thread.join()
            for connection in opened.values():
                connection.close()
        return 100 * received[links.SERVER4] / sum(received.values())
    finally:
        workplace.remove()


@contextlib.contextmanager
def _millrace_without_end(link, count, options):
    with TcpPeer(link, "--listen", _PORT, "--bytes", count,
                 *options.peer_options.split()) as peer:
        yield
        if options.counters:
            print(peer.finish(), file=sys.stderr, flush=True)


@contextlib.contextmanager
def _kernel_without_end(link, count):
    def serve(connection):
        with contextlib.suppress(OSError):
            streams.send(connection, count)

    with streams.KernelServer(link.rival, socket.AF_INET, _PORT, serve,
                              congestion=_CONGESTION):
        yield


def _verdict(holds, by_percent):
    return "holds" if holds else f"falls short by {by_percent:.0f} %"


def _print_transfers(results, options):
    print(f"\nGoodput in Mbit/s of {options.megabytes} MB, RTT {2 * _DELAY_MS} ms, bottleneck "
          f"{_TRANSFER_MBIT} Mbit/s with {_TRANSFER_QUEUE_BYTES // 1000} kB of queue, loss both ways: "
          f"median (least to most) of {options.repeats}\n")
    print(f"| loss | the measured end | millrace | kernel | ratio | at least {_GOODPUT_SHARE_MIN} |")
    print("|---|---|---|---|---|---|")
    all_hold = True
    for loss, way in itertools.product(options.loss, options.ways):
        ours, theirs = (results[loss, way, subject] for subject in _SUBJECTS)
        ratio = statistics.median(ours) / statistics.median(theirs)
        holds = ratio >= _GOODPUT_SHARE_MIN
        all_hold &= holds
        print(f"| {loss} % | {way} | {_spread(ours)} | {_spread(theirs)} | {ratio:.2f} | "
              f"{_verdict(holds, 100 * (1 - ratio / _GOODPUT_SHARE_MIN))} |")
    return all_hold


def _spread(values):
    return f"{statistics.median(values):.1f} ({min(values):.1f} to {max(values):.1f})"


def _print_shares(shares, options):
    low, high = _FAIR_PERCENT
    middle = statistics.median(shares)
    holds = low <= middle <= high
    print(f"\nShare of a bottleneck of {_SHARING_MBIT} Mbit/s, RTT {2 * _DELAY_MS} ms, "
          f"{_SHARING_QUEUE_BYTES // 1000} kB of queue, for {options.seconds} s beside one connection "
          "of the kernel's CUBIC\n")
    print(f"| millrace's share, each run | median | {low} to {high} % |")
    print("|---|---|---|")
    print(f"| {', '.join(f'{share:.0f}' for share in sorted(shares))} | {middle:.0f} % | "
          f"{_verdict(holds, low - middle if middle < low else middle - high)} |")
    return holds


def _arguments():
    parser = command.parser(__doc__)
    command.add_build(parser, "build/peers")
    parser.add_argument("--megabytes", type=command.positive, default=50, help="of each transfer (50)")
    parser.add_argument("--repeats", type=command.positive, default=5,
                        help="how often each is measured, each time with another seed (5)")
    parser.add_argument("--loss", type=float, nargs="*", default=[0.1, 1, 3], help="percent")
    parser.add_argument("--ways", nargs="*", default=["sends", "receives"],
                        choices=["sends", "receives"])
    parser.add_argument("--seconds", type=int, default=30, help="of sharing; 0 leaves it out")
    parser.add_argument("--parallel", type=command.positive, default=1,
                        help="transfers at the same time, each over a link of its own")
    parser.add_argument("--peer-options", default="", help="more arguments for tcp_peer")
    parser.add_argument("--counters", action="store_true", help="print the engine's at each end")
    return parser.parse_args()


def _measure_transfers(pool, options):
    cells = list(itertools.product(options.loss, options.ways, _SUBJECTS))
    # Ours and the kernel's turn by turn, so that whatever else the machine does meets both.
    running = {(cell, seed): pool.submit(_transfer_in_worker, *cell, seed, options)
               for seed in range(1, options.repeats + 1) for cell in cells}
    results = {cell: [] for cell in cells}
    for (cell, seed), future in running.items():
        results[cell].append(future.result())
        print(f"{cell}, seed {seed}: {results[cell][-1]:.1f} Mbit/s", file=sys.stderr, flush=True)
    return results


@contextlib.contextmanager
def _workers(count):
    """Processes for transfers. When something fails, each undoes what it has made, and ends."""
    with concurrent.futures.ProcessPoolExecutor(
            count, mp_context=multiprocessing.get_context("fork")) as pool:
        try:
            yield pool
        except BaseException:
            for worker in multiprocessing.active_children():
                worker.terminate()
            raise


def _transfer_in_worker(*arguments):
    try:
        return _transfer(*arguments)
    except KeyboardInterrupt:
        # It would be given the next transfer otherwise.
        os._exit(130)


def _run():
    options = _arguments()
    with session.alone():
        workplace.use_build(options.build or programs.built_peers())
        # The link must keep its time whatever else runs.
        os.nice(-15)
        workplace.remove_leftovers()
        with _workers(options.parallel) as pool:
            holds = _print_transfers(_measure_transfers(pool, options), options)
        if options.seconds:
            # One at a time: a stack in user space would also have to share the cores, a kernel less so.
            holds &= _print_shares([_share(seed, options) for seed in range(1, options.repeats + 1)],
                                   options)
    return 0 if holds else 1


if __name__ == "__main__":
    sys.exit(command.run("bench/rig/kernel_side_by_side.py", _run))
