"""Errors of the Lorentz block in fixed point, for every set of vectors at every width."""

from __future__ import annotations

from pathlib import Path
from typing import TypedDict

from tritag.errors import DataError
from tritag.files import JsonObject, write_json
from tritag.pipeline.defaults import FRAME_VECTORS
from tritag.progress import Progress
from tritag.quant.measure.frame_error import VECTOR_SETS, WIDTHS, FrameError, frame_bits, measure
from tritag.structured import read_json
from tritag.terminal import print_progress


class _ResultsFile(TypedDict):
    settings: JsonObject
    results: list[JsonObject]


def measure_frames(
    vectors: int = FRAME_VECTORS, out: Path | None = None, seed: int = 0, progress: bool = True
) -> list[FrameError]:
    """Errors of every set at every width.

    Parameters
    ----------
    vectors : int
        Triples of vectors in each set.
    out : Path, optional
        JSON file of results, written after each set; sets that it holds are not measured again.
    seed : int
        Of the vectors.
    progress : bool
        Show a bar for each set.

    Raises
    ------
    DataError
        ``out`` holds results of other settings.
    """
    settings: JsonObject = {"vectors": vectors, "seed": seed, "widths": [list(w) for w in WIDTHS]}
    results = _kept(out, settings)
    widths = [frame_bits(*w) for w in WIDTHS]
    for name in VECTOR_SETS:
        if any(r.vectors == name for r in results):
            print_progress(f"{name}: measured already")
            continue
        with Progress(name, vectors, "triples", show=progress) as shown:
            results += measure(name, vectors, widths, seed, shown.advance)
        if out is not None:
            write_json(out, {"settings": settings, "results": [r.as_dict() for r in results]})
    return results


def _kept(out: Path | None, settings: JsonObject) -> list[FrameError]:
    if out is None or not out.is_file():
        return []
    stored: _ResultsFile = read_json(out, DataError, "name another file")
    if stored.get("settings") != settings:
        raise DataError(f"{out} must hold results of the same settings, {settings}; name another file")
    return [FrameError(**entry) for entry in stored["results"]]  # type: ignore[arg-type]
