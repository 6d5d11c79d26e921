"""Inputs of an exported run as the executors take them: of the run's data, drawn for an imported program, or kept."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from tritag.errors import DataError
from tritag.export.firmware_layers import FirmwareGraph
from tritag.files import atomic_path
from tritag.pipeline.jets import coded_jets, integer_codes, with_crafted
from tritag.pipeline.opened import OpenedRun
from tritag.run import Run

# Name of the expected integers among the inputs in vectors.npz.
_EXPECTED = "logit"


def run_inputs(
    opened: OpenedRun,
    graph: FirmwareGraph,
    n_max: int | None,
    split: str | None = None,
    file: Path | None = None,
) -> tuple[np.ndarray, ...]:
    """Integers of all inputs of ``graph``: jets of the run's data and the crafted ones, or those of ``file`` alone.

    An imported program has no data: its features are drawn at random over their grid, and extreme ones stand behind
    them; a file is an ``.npz`` with one array of integers for each input, by its name.

    Parameters
    ----------
    n_max : int, optional
        At most this many jets; the crafted or extreme ones come on top.
    split : str, optional
        ``train``, ``val`` or ``test`` of the run's data.

    Raises
    ------
    DataError
        The file cannot be read or holds no such arrays.
    """
    if not opened.imported:
        codes, count = integer_codes(coded_jets(opened.recipe, split, file=file, n_max=n_max))
        return (codes, count) if file else with_crafted(codes, count)
    if file is not None:
        return tuple(x[:n_max] for x in _features_of(file, graph))
    parts = [random_features(graph, n_max or 0), extreme_features(graph)]
    return tuple(np.concatenate(x) for x in zip(*parts, strict=True))


def random_features(graph: FirmwareGraph, n: int, seed: int = 2026) -> tuple[np.ndarray, ...]:
    """Random integers of all inputs: half of the jets over the whole grid, half of a random smaller size each."""
    rng = np.random.default_rng(seed)
    found = []
    for name in graph.inputs:
        shape, grid = graph.shapes[name], graph.grids[name]
        values = rng.integers(grid.low, grid.high, (n, *shape), endpoint=True)
        bits = max(abs(grid.low), abs(grid.high)).bit_length()
        drop = np.where(np.arange(n) % 2, rng.integers(0, bits + 1, n), 0)
        values >>= drop.reshape(-1, *[1] * len(shape))
        found.append(np.clip(values, grid.low, grid.high))
    return tuple(found)


def extreme_features(graph: FirmwareGraph, n: int = 64, seed: int = 2027) -> tuple[np.ndarray, ...]:
    """Extreme integers: all lowest, all highest, all nearest to 0, then each feature at random one of these."""
    rng = np.random.default_rng(seed)
    found = []
    for name in graph.inputs:
        shape, grid = graph.shapes[name], graph.grids[name]
        ends = np.array([grid.low, grid.high, min(max(0, grid.low), grid.high)], dtype=np.int64)
        values = ends[rng.integers(0, 3, (max(n, 3), *shape))]
        for i, end in enumerate(ends):
            values[i] = end
        found.append(values[:n])
    return tuple(found)


def _features_of(file: Path, graph: FirmwareGraph) -> list[np.ndarray]:
    try:
        with np.load(file, allow_pickle=False) as arrays:
            missing = [name for name in graph.inputs if name not in arrays.files]
            if not missing:
                return [arrays[name].astype(np.int64, casting="safe") for name in graph.inputs]
    except (OSError, ValueError, TypeError, AttributeError, EOFError) as error:
        raise DataError(f"{file} must be an .npz file of integers ({error}); write it with numpy.savez") from error
    raise DataError(f"{file} must hold the arrays {', '.join(graph.inputs)}; {', '.join(missing)} missing")


def write_vectors(run: Run, graph: FirmwareGraph, inputs: tuple[np.ndarray, ...], outputs: np.ndarray) -> None:
    """Write ``vectors.npz``: inputs by name, and the integers that every firmware must give for them."""
    with atomic_path(run.path("vectors.npz")) as path:
        named = dict(zip(graph.inputs, inputs, strict=True))
        np.savez_compressed(path, **named, **{_EXPECTED: outputs})


def read_vectors(run: Run, graph: FirmwareGraph) -> tuple[tuple[np.ndarray, ...], np.ndarray]:
    """Inputs and expected outputs in ``vectors.npz``.

    Raises
    ------
    RunError
        The run is not exported.
    """
    with np.load(run.require("vectors.npz")) as vectors:
        return tuple(vectors[name] for name in graph.inputs), vectors[_EXPECTED]


def real_values(graph: FirmwareGraph, name: str, codes: np.ndarray) -> np.ndarray:
    """What the integers of an input stand for; integers as they are where its LSB is 1."""
    fraction = graph.grids[name].fraction
    return codes if fraction == 0 else codes * 2.0**-fraction


def port_values(graph: FirmwareGraph, inputs: tuple[np.ndarray, ...]) -> dict[str, np.ndarray]:
    """Inputs as a simulation of Verilog takes them: int64 (jets, rows, lanes) by name, one row of a jet's value."""
    found = {}
    for name, x in zip(graph.inputs, inputs, strict=True):
        shape = graph.shapes[name]
        rows = shape[0] if len(shape) > 1 else 1
        found[name] = x.astype(np.int64).reshape(len(x), rows, -1)
    return found
