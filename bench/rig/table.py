"""The cells of the table, those that stand beside each other one after the other."""

import dataclasses

from rig import cases, links, loads, servers
from rig.runner import Ceiling, Cell


def _ceilings(case):
    return [Ceiling(link, case) for link in links.PORT_LINKS]


def _by_kernels_clients():
    """wrk before our ports, and before nginx with no port between them."""
    return [Cell(case, system, link, loads.Wrk)
            for case in (cases.CONNECTIONS, cases.REQUESTS)
            for system, link in ((servers.Nginx, links.Veth), (servers.Millraced, links.AfXdp),
                                 (servers.Millraced, links.AfPacket), (servers.Millraced, links.Tap))]


def full():
    return [*_ceilings(cases.CEILING), Ceiling(links.VirtioUser, cases.SEGMENT_CEILING),
            *_by_kernels_clients(),
            Cell(cases.BULK, servers.Iperf3, links.Veth, loads.Iperf3)]


def short():
    """Every link, system and client once."""
    only_macswap = dataclasses.replace(cases.CEILING, metrics=(cases.MACSWAP,))
    return [*_ceilings(only_macswap), *_by_kernels_clients(),
            Cell(cases.BULK, servers.Iperf3, links.Veth, loads.Iperf3)]


def chosen(cells, words):
    """Those cells whose key has every word."""
    return [cell for cell in cells if set(words) <= set(cell.key)]
