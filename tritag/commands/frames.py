"""``tritag frames``: errors of the Lorentz block at several widths."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from tritag.terminal import print_json, print_progress

_DEFAULT_VECTORS = 150_000


def command(
    vectors: Annotated[int, typer.Option(min=1, help="Triples of vectors in each set.")] = _DEFAULT_VECTORS,
    out: Annotated[
        Path | None, typer.Option(help="JSON file of results; sets that it holds are not measured again.")
    ] = None,
    seed: Annotated[int, typer.Option(help="Seed of the vectors.")] = 0,
    json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Measure the orthonormalization in fixed point against float64, on data's own and on adversarial vectors."""
    results = measure_all(vectors, out, seed, progress=not json)
    if json:
        print_json(results)
    else:
        _print_table(results)


def measure_all(vectors: int, out: Path | None, seed: int, progress: bool) -> list[dict[str, Any]]:
    """Errors of every set at every width; ``out`` is written after each set."""
    import json

    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    from tritag.errors import DataError
    from tritag.files import write_json
    from tritag.quant.measure.frame_error import VECTOR_SETS, WIDTHS, frame_bits, measure

    settings = {"vectors": vectors, "seed": seed, "widths": [list(w) for w in WIDTHS]}
    results: list[dict[str, Any]] = []
    if out is not None and out.is_file():
        stored = json.loads(out.read_text(encoding="utf-8"))
        if stored.get("settings") != settings:
            raise DataError(f"{out} must hold results of the same settings, {settings}; name another file")
        results = stored["results"]
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    widths = [frame_bits(*w) for w in WIDTHS]
    with Progress(*columns, console=Console(stderr=True), disable=not progress, transient=True) as bar:
        for name in VECTOR_SETS:
            if any(r["vectors"] == name for r in results):
                print_progress(f"{name}: measured already")
                continue
            task = bar.add_task(name, total=vectors)
            found = measure(name, vectors, widths, seed, lambda n, task=task: bar.advance(task, n))  # type: ignore[misc]
            results += [error.as_dict() for error in found]
            if out is not None:
                write_json(out, {"settings": settings, "results": results})
    return results


def _print_table(results: list[dict[str, Any]]) -> None:
    from rich.console import Console
    from rich.table import Table

    table = Table("vectors", "number", "bits", "|LᵀgL - g|", "|L - L float64|", "local scalars (LSB)", "largest gamma")
    for r in results:
        errors = [" / ".join(f"{x:.1e}" for x in r[key]) for key in ("violation", "deviation", "features")]
        bits = f"{r['vector_bits']}/{r['matrix_bits']}"
        table.add_row(r["vectors"], f"{r['number']:,}", bits, *errors, f"{r['gamma']:.0f}")
    Console().print(table)
    Console().print("bits: vector / matrix; errors: median / 99 % / largest")
