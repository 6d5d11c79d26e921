"""The folder of a sweep: its table for people, spreadsheets and programs, and its page."""

from __future__ import annotations

import csv
import io
from collections.abc import Sequence
from pathlib import Path

from tritag.errors import RunError
from tritag.files import JsonObject, atomic_path, write_json, write_text
from tritag.pipeline.sweep.config import SweepConfig
from tritag.pipeline.sweep.place import TABLE
from tritag.pipeline.sweep.rows import SweepRow, on_front
from tritag.report.page.sweep import sweep_page
from tritag.structured import read_json_if_there
from tritag.terminal import print_progress

# All that a sweep's folder holds.
TABLE_FILES = ("table.csv", "table.parquet", "report.html", TABLE)


def table_of(config: SweepConfig, rows: Sequence[SweepRow]) -> list[JsonObject]:
    """Lines of the table with the same columns in each: axes, fate, run, figures, front, error."""
    columns = list(dict.fromkeys(key for row in rows for key in row.figures))
    front = on_front(rows, config.objectives)
    return [
        {
            "point": row.number,
            **{axis: row.values[axis] for axis in config.axes},
            "status": row.status,
            "share": row.share,
            "run": row.run,
            **{key: row.figures.get(key) for key in columns},
            "front": row.number in front,
            "error": row.error,
        }
        for row in rows
    ]


def has_done(folder: Path) -> bool:
    """Whether there is a table with a point that is done."""
    try:
        content = read_json_if_there(folder / TABLE) or {}
    except RunError:  # damaged: it is no loss
        return False
    return any(line["status"] == "done" for line in content.get("points", ()))


def write_sweep(folder: Path, name: str, config: SweepConfig, lines: list[JsonObject]) -> None:
    """Write the table as JSON, CSV and, with pyarrow, Parquet, and the page.

    Raises
    ------
    TritagError
        The disk is full or not writable.
    """
    folder.mkdir(parents=True, exist_ok=True)
    text = io.StringIO(newline="")
    writer = csv.DictWriter(text, list(lines[0]), lineterminator="\n")
    writer.writeheader()
    writer.writerows(lines)
    write_text(folder / "table.csv", text.getvalue())
    _write_parquet(folder / "table.parquet", lines)
    content: JsonObject = {"name": Path(name).stem, "objectives": list(config.objectives), "axes": list(config.axes)}
    content |= {"target": config.target, "data": config.data, "points": lines}
    write_text(folder / "report.html", sweep_page(content))
    write_json(folder / TABLE, content)


def _write_parquet(path: Path, lines: list[JsonObject]) -> None:
    try:
        import pyarrow
        from pyarrow import parquet
    except ImportError:
        print_progress("no Parquet, for want of pyarrow (pip install 'tritag[readers]'); the table is there as CSV")
        return
    columns: dict[str, list[object]] = {key: [line[key] for line in lines] for key in lines[0]}
    for key, values in columns.items():
        kinds = {type(value) for value in values if value is not None}
        if kinds == {int, float}:
            columns[key] = [None if value is None else float(value) for value in values]  # type: ignore[arg-type]
        elif len(kinds) > 1:
            columns[key] = [None if value is None else str(value) for value in values]
    with atomic_path(path) as temporary:
        parquet.write_table(pyarrow.table(columns), temporary)
