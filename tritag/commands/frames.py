"""``tritag frames``: errors of the Lorentz block at several widths."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from tritag.commands.options import AsJson
from tritag.pipeline.defaults import FRAME_VECTORS
from tritag.terminal import print_json, print_table

if TYPE_CHECKING:
    from tritag.quant.measure.frame_error import FrameError


def command(
    vectors: Annotated[int, typer.Option(min=1, help="Triples of vectors in each set.")] = FRAME_VECTORS,
    out: Annotated[
        Path | None, typer.Option(help="JSON file of results; sets that it holds are not measured again.")
    ] = None,
    seed: Annotated[int, typer.Option(help="Seed of the vectors.")] = 0,
    json: AsJson = False,
) -> None:
    """Measure the orthonormalization in fixed point against float64, on data's own and on adversarial vectors."""
    from tritag.pipeline.frames import measure_frames

    results = measure_frames(vectors, out, seed, progress=not json)
    if json:
        print_json([result.as_dict() for result in results])
    else:
        _print(results)


def _print(results: Sequence[FrameError]) -> None:
    from rich.table import Table

    table = Table("vectors", "number", "bits", "|LᵀgL - g|", "|L - L float64|", "local scalars (LSB)", "largest gamma")
    for r in results:
        errors = [" / ".join(f"{x:.1e}" for x in figures) for figures in (r.violation, r.deviation, r.features)]
        bits = f"{r.vector_bits}/{r.matrix_bits}"
        table.add_row(r.vectors, f"{r.number:,}", bits, *errors, f"{r.gamma:.0f}")
    print_table(table)
    print_table("bits: vector / matrix; errors: median / 99 % / largest")
