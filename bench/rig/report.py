"""Writes what was measured: objects, tables, and a chart for each case."""

import re
import shlex

from harness import workplace
from rig import charts, results


def write(folder, name, table, cells, heading):
    """`heading`: lines of text on how it was measured."""
    found = results.objects(table.samples)
    titles = {cell.case.name: cell.case.title for cell in cells}
    folder.mkdir(parents=True, exist_ok=True)
    (folder / f"{name}.json").write_text(results.to_json(found))
    (folder / f"{name}.md").write_text(
        "# The last results\n\n" + "".join(f"- {line}\n" for line in heading) + "\n" +
        results.to_markdown(found, titles) + _how(table.samples))
    for case, title in titles.items():
        of_case = [one for one in found if one["case"] == case]
        if of_case:
            (folder / f"{name}-{case}.svg").write_text(charts.bars(title, of_case))


def _how(samples):
    """Every command line and configuration, once for all the cells that have the same."""
    cells_of = {}
    for key, runs in samples.items():
        for what, value in runs[-1].described.items():
            cells_of.setdefault((what, _plain(value)), []).append(", ".join(key))
    return "\n## How each was run\n\n" + "\n".join(
        f"{what}: {'; '.join(cells)}\n\n```\n{text}\n```\n"
        for (what, text), cells in cells_of.items())


def _plain(value):
    """Without the names that are other ones in each run."""
    text = value if isinstance(value, str) else shlex.join(map(str, value))
    text = text.replace(str(workplace.repository), ".")
    text = re.sub(rf"{re.escape(str(workplace.directory()))}/(\d+-)?", "RUN/", text)
    return re.sub(r"mrtest\d+-\d+", "RUN", text).rstrip()
