"""Charts as SVG: bars of medians, with lines from the least to the most."""

from xml.sax.saxutils import escape

from rig.results import quantity

_WIDTH = 860
_LEFT = 290
_RIGHT = 110
_TOP = 56
_STEP = 28
_BAR = 16
_COLOURS = {"millraced": "#2f7d4f", "testpmd": "#8a8f98"}
_OTHER = "#c07b2c"

_STYLE = ("text{font:13px system-ui,sans-serif;fill:#22262b}"
          ".title{font-size:15px;font-weight:600}"
          ".small{font-size:11px;fill:#6a7078}"
          ".range{stroke:#22262b;stroke-opacity:.65;fill:none}"
          "@media(prefers-color-scheme:dark){text{fill:#e3e6ea}.small{fill:#9aa1aa}"
          ".range{stroke:#e3e6ea}}")


def bars(title, results):
    """A chart of results that have one unit."""
    unit = results[0]["unit"]
    most = max(one["max"] for one in results) or 1
    height = _TOP + _STEP * len(results) + 26
    scale = (_WIDTH - _LEFT - _RIGHT) / most
    lines = [f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_WIDTH} {height}" '
             f'width="{_WIDTH}" height="{height}" role="img" aria-label="{escape(title)}">',
             f"<style>{_STYLE}</style>",
             f'<text class="title" x="12" y="24">{escape(title)}</text>',
             f'<text class="small" x="12" y="42">{escape(unit)}: median, and from the least to the '
             "most of the runs; hatched where the client was the limit</text>",
             '<defs><pattern id="hatch" width="6" height="6" patternUnits="userSpaceOnUse" '
             'patternTransform="rotate(45)"><rect width="2.5" height="6" fill="#fff" '
             'fill-opacity=".55"/></pattern></defs>']
    for place, one in enumerate(results):
        lines += _bar(one, _TOP + _STEP * place, scale)
    lines.append("</svg>")
    return "\n".join(lines) + "\n"


def _bar(one, top, scale):
    label = ", ".join(dict.fromkeys((one["system"], one["link"], one["client"])))
    if one["metric"] in ("macswap", "one way"):
        label = f"{one['link']}, {one['metric']}"
    elif one["metric"].startswith("latency"):
        label = f"{label}, {one['metric'].removeprefix('latency ')}"
    colour = _COLOURS.get(one["system"], _OTHER)
    middle = top + _BAR / 2
    width = one["median"] * scale
    rect = f'x="{_LEFT}" y="{top}" width="{width:.1f}" height="{_BAR}" rx="2"'
    least, most = _LEFT + one["min"] * scale, _LEFT + one["max"] * scale
    yield f'<text x="{_LEFT - 10}" y="{top + 13}" text-anchor="end">{escape(label)}</text>'
    yield f'<rect {rect} fill="{colour}"/>'
    if one["client_limited"]:
        yield f'<rect {rect} fill="url(#hatch)"/>'
    yield (f'<path class="range" d="M{least:.1f} {middle}H{most:.1f}M{least:.1f} {middle - 4}v8'
           f'M{most:.1f} {middle - 4}v8"/>')
    yield f'<text x="{most + 8:.1f}" y="{top + 13}">{quantity(one["median"])}</text>'
