"""The cells of the table, those that stand beside each other one after the other."""

import dataclasses

from rig import cases, links, loads, servers
from rig.runner import Ceiling, Cell


def _ceilings(case):
    return [Ceiling(link, case) for link in links.PORT_LINKS]


def _by_wrk(case):
    """A kernel's client before our ports, and before nginx with no port between them."""
    return [Cell(case, system, link, loads.Wrk)
            for system, link in ((servers.Nginx, links.Veth), (servers.Millraced, links.AfXdp),
                                 (servers.Millraced, links.AfPacket), (servers.Millraced, links.Tap))]


_KERNELS_STREAM = Cell(cases.BULK, servers.Iperf3, links.Veth, loads.Iperf3)


def full():
    return [*_ceilings(cases.CEILING), Ceiling(links.VirtioUser, cases.SEGMENT_CEILING),
            *_by_wrk(cases.CONNECTIONS), *_by_wrk(cases.REQUESTS), _KERNELS_STREAM]


def for_targets():
    """What bench/targets judges."""
    return [Ceiling(links.VirtioUser, cases.CEILING),
            Ceiling(links.VirtioUser, cases.SEGMENT_CEILING), _KERNELS_STREAM]


def short():
    """Every link, system and client once."""
    ceiling = dataclasses.replace(cases.CEILING, metrics=(cases.MACSWAP,))
    return [*_ceilings(ceiling), *_by_wrk(cases.CONNECTIONS), *_by_wrk(cases.REQUESTS),
            _KERNELS_STREAM]


def chosen(cells, words):
    """Those cells whose key has every word."""
    return [cell for cell in cells if set(words) <= set(cell.key)]
