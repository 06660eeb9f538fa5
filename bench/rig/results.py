"""What all runs of the cells come to: objects for programs, tables for people."""

import json
import statistics

# Of a client's time: above it the result says more of the client than of the server.
CLIENT_LIMIT = 0.95

_OURS = "millraced"
_CEILING = ("ceiling", "macswap")
_PACKETS = "packets/s"


def objects(samples):
    """An object for each metric of each cell, of the samples by the cells' keys."""
    found = [_object(key, metric, runs) for key, runs in samples.items() for metric in runs[0].metrics]
    ceilings = {one["link"]: one["median"] for one in found
                if (one["case"], one["metric"]) == _CEILING}
    for one in found:
        if one["link"] in ceilings:
            packets = one["median" if one["unit"] == _PACKETS else "packets_per_second"]
            one["share_of_link"] = _rounded(packets / ceilings[one["link"]])
        if one["system"] == _OURS and (rival := _rival_of(one, found)):
            one["ratio_to"] = f"{rival['system']} over {rival['link']} by {rival['client']}"
            one["ratio"] = _rounded(one["median"] / rival["median"])
    return found


def _object(key, metric, runs):
    case, system, link, client = key
    values = [run.metrics[metric] for run in runs]
    server_busy = _median(run.server_busy for run in runs)
    client_busy = _median(run.client_busy for run in runs)
    return {"case": case, "system": system, "link": link, "client": client, "metric": metric.name,
            "unit": metric.unit, "median": _rounded(statistics.median(values)),
            "min": _rounded(min(values)), "max": _rounded(max(values)), "runs": len(values),
            "packets_per_second": _rounded(statistics.median(run.packets for run in runs)),
            "server_busy": server_busy, "client_busy": client_busy,
            "client_limited": client_busy is not None and client_busy > CLIENT_LIMIT,
            "time_wait": runs[0].time_wait,
            "time_waits": statistics.median(run.time_waits for run in runs),
            "drops": _most([run.drops for run in runs]), "errors": _most([run.errors for run in runs]),
            "payload_copied": _median(run.payload_copied for run in runs),
            "connections": runs[0].connections,
            "stolen": _rounded(max(run.stolen for run in runs))}


def _rival_of(one, found):
    """What a result of ours stands beside: another's over the same link with the same client where there
    is one, and otherwise the best."""
    others = [other for other in found if other["system"] != _OURS and
              (other["case"], other["metric"]) == (one["case"], one["metric"])]
    alike = [other for other in others
             if (other["link"], other["client"]) == (one["link"], one["client"])]
    best = min if one["unit"] == "µs" else max
    return best(alike or others, key=lambda other: other["median"], default=None)


def _median(shares):
    known = [share for share in shares if share is not None]
    return _rounded(statistics.median(known)) if known else None


def _most(runs):
    """Of each count by name, that of the run that had most."""
    return {name: max(run.get(name, 0) for run in runs) for name in sorted(set().union(*runs))}


def _rounded(value):
    """To four digits, which is more than any run repeats."""
    return value if value == 0 else float(f"{value:.4g}") if abs(value) < 1000 else round(value)


def to_json(found):
    return json.dumps(found, indent=1, ensure_ascii=False) + "\n"


def to_markdown(found, titles):
    """A table for each case, in the order of `titles`."""
    parts = []
    for case, title in titles.items():
        rows = [one for one in found if one["case"] == case]
        if rows:
            parts.append(f"### {title}\n\n{_TABLE_HEAD}{''.join(map(_row, rows))}")
    policies = {one["system"]: one["time_wait"] for one in found if one["time_wait"]}
    parts.append("TIME_WAIT:\n\n" + "".join(f"- {system}: {policy}.\n"
                                             for system, policy in policies.items()))
    return "\n".join(parts)


# Frames of groups, which a bridge or the kernel's end sends to all.
_NO_LOSS = "frame_not_for_us"

_TABLE_HEAD = ("| system | link | client | median (least to most) | of the link | beside others | "
               "server busy | client busy | in TIME_WAIT | lost, refused or failed, most in a run |\n"
               "|---|---|---|---|---|---|---|---|---|---|\n")


def _row(one):
    client = one["client"] + (", **client-limited**" if one["client_limited"] else "")
    metric = "" if one["unit"].startswith(one["metric"]) else f"{one['metric']}: "
    value = (f"{metric}{quantity(one['median'], one['unit'])} "
             f"({quantity(one['min'])} to {quantity(one['max'])}) of {one['runs']}")
    beside = f"{one['ratio']:.3g} times {one['ratio_to']}" if "ratio" in one else ""
    losses = ", ".join(f"{name} {count}" for name, count in {**one["drops"], **one["errors"]}.items()
                       if count and not name.endswith(_NO_LOSS))
    return (f"| {one['system']} | {one['link']} | {client} | {value} | "
            f"{percent(one.get('share_of_link'))} | {beside} | {percent(one['server_busy'])} | "
            f"{percent(one['client_busy'])} | {quantity(one['time_waits'])} | {losses} |\n")


def percent(share):
    return "" if share is None else f"{100 * share:.0f} %" if share >= 0.1 else f"{100 * share:.1f} %"


def quantity(value, unit=None):
    """For people: 6.86 M, 12.3 k, 512."""
    for limit, letter in ((1e6, " M"), (1e3, " k"), (0, "")):
        if value >= limit:
            text = f"{value / (limit or 1):.3g}{letter}"
            break
    return text if unit is None else f"{text} {unit}"
