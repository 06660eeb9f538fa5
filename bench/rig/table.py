"""The cells of the table, those that stand beside each other one after the other."""

import dataclasses

from harness import commands
from rig import asked, cases, crowd, links, loads, servers
from rig.runner import Ceiling, Cell

# What any machine of this class holds, and what is soon there.
_CROWD = 1_000_000
_SMALL_CROWD = 100_000


def _ceilings(case):
    return [Ceiling(link, case) for link in links.PORT_LINKS]


def _by_wrk(case):
    """A kernel's client before our ports, and before nginx with no port between them."""
    return [Cell(case, system, link, loads.Wrk)
            for system, link in ((servers.Nginx, links.Veth), (servers.Millraced, links.AfXdp),
                                 (servers.Millraced, links.AfPacket), (servers.Millraced, links.Tap))]


def _by_our_client(case, peer, chosen=links.PORT_LINKS):
    """Our client before our ports, and before a peer where the link may end in a kernel."""
    cells = []
    for link in chosen:
        cells.append(Cell(case, servers.Millraced, link, loads.MillraceLoad))
        if link in links.KERNEL_LINKS:
            cells.append(Cell(case, peer, link, loads.MillraceLoad))
    return cells


def _over_virtio_user(case):
    return Cell(case, servers.Millraced, links.VirtioUser, loads.MillraceLoad)


_KERNELS_STREAM = Cell(cases.BULK, servers.Iperf3, links.Veth, loads.Iperf3)


def full():
    return [*_ceilings(cases.CEILING),
            Ceiling(links.VirtioUser, cases.SEGMENT_CEILING),
            *_by_our_client(cases.CONNECTIONS, servers.Nginx), *_by_wrk(cases.CONNECTIONS),
            _over_virtio_user(cases.OVERLOAD),
            *_by_our_client(cases.REQUESTS, servers.Nginx), *_by_wrk(cases.REQUESTS),
            _over_virtio_user(cases.HALF),
            *_by_our_client(cases.ECHO, servers.EpollEcho,
                            (links.VirtioUser, links.AfXdp, links.AfPacket)),
            *_by_our_client(cases.PING_PONG, servers.EpollEcho, (links.AfPacket,)),
            _over_virtio_user(cases.BULK), _KERNELS_STREAM,
            crowd.Hold(crowd.case_of(_CROWD))]


def for_targets():
    """What bench/targets judges."""
    return [Ceiling(links.VirtioUser, dataclasses.replace(cases.CEILING, metrics=(cases.MACSWAP,))),
            Ceiling(links.VirtioUser, cases.SEGMENT_CEILING),
            *(cell for case in (cases.CONNECTIONS, cases.REQUESTS)
              for cell in (_over_virtio_user(case), *_by_wrk(case)[:1],
                           *(Cell(case, servers.Nginx, link, loads.MillraceLoad)
                             for link in links.KERNEL_LINKS))),
            _over_virtio_user(cases.OVERLOAD), _over_virtio_user(cases.HALF),
            *_by_our_client(cases.PING_PONG, servers.EpollEcho, (links.AfPacket,)),
            _over_virtio_user(cases.BULK), _KERNELS_STREAM,
            _over_virtio_user(cases.NO_TIME_WAITS), _over_virtio_user(cases.TIME_WAITS),
            crowd.Hold(crowd.case_of(asked.VERY_MANY))]


def short():
    """Every link, system and client once."""
    ceiling = dataclasses.replace(cases.CEILING, metrics=(cases.MACSWAP,))
    return [*_ceilings(ceiling), *_by_our_client(cases.REQUESTS, servers.Nginx),
            *_by_wrk(cases.CONNECTIONS),
            _over_virtio_user(cases.CONNECTIONS), _over_virtio_user(cases.OVERLOAD),
            *_by_our_client(cases.ECHO, servers.EpollEcho, (links.AfPacket,)),
            _over_virtio_user(cases.HALF), _over_virtio_user(cases.BULK), _KERNELS_STREAM,
            crowd.Hold(crowd.case_of(_SMALL_CROWD))]


def chosen(cells, words):
    """Those cells whose key has every word, and those that say how much is offered to them."""
    found = [cell for cell in cells if set(words) <= set(cell.key)]
    if not found:
        known = dict.fromkeys(word for cell in cells for word in cell.key)
        raise commands.CommandError(
            f"no cell has {' and '.join(map(repr, words))}; the words there are: "
            f"{', '.join(map(repr, known))}")
    keys = {cell.key for cell in found}
    keys |= {cell.key_of_load for cell in found if cell.case.load_of}
    return [cell for cell in cells if cell.key in keys]
