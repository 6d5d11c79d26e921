"""np.ndarray of a program's inputs: random, extreme, or of a file; and as simulations and test benches take them."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from tritag.archive import read_npz
from tritag.closed import closed
from tritag.errors import DataError, RunError
from tritag.export.firmware_layers import FirmwareGraph

# Name of the expected integers among the inputs of a file of vectors.
_EXPECTED = "logit"


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


def join_features(*parts: tuple[np.ndarray, ...]) -> tuple[np.ndarray, ...]:
    """Inputs of several sets, one behind the other."""
    return tuple(np.concatenate(x) for x in zip(*parts, strict=True))


def features_of(file: Path, graph: FirmwareGraph) -> list[np.ndarray]:
    """Arrays of integers in an ``.npz`` file, one for each input by its name.

    Raises
    ------
    DataError
        The file cannot be read, lacks an input, holds none, or numbers that do not fit the inputs.
    """
    arrays = read_npz(file, DataError, "write it with numpy.savez", graph.inputs)
    if missing := [name for name in graph.inputs if name not in arrays]:
        raise DataError(f"{file} must hold the arrays {', '.join(graph.inputs)}; {', '.join(missing)} missing")
    with closed(file, DataError, "an .npz file of integers", "write it with numpy.savez"):
        found = [arrays[name].astype(np.int64, casting="safe") for name in graph.inputs]
    check_features(graph, found, f"{file}: ")
    if not len(found[0]):
        raise DataError(f"{file} must hold at least one input, got 0 rows of {', '.join(graph.inputs)}")
    return found


def check_features(graph: FirmwareGraph, inputs: Sequence[np.ndarray], where: str = "") -> None:
    """Refuse arrays that are not n integers of each of the graph's inputs, in its order, on their grids.

    Parameters
    ----------
    where : str
        What messages begin with.

    Raises
    ------
    DataError
        Names the input, what it must be and what was given.
    """
    names = graph.inputs
    if len(inputs) != len(names):
        raise DataError(f"{where}inputs must be {', '.join(names)}, got {len(inputs)} arrays")
    for name, x in zip(names, inputs, strict=True):
        shape, grid = graph.shapes[name], graph.grids[name]
        # One row may be given as its features alone.
        fits = x.ndim > 0 and x.shape[1:] in (shape, shape[1:] if shape[0] == 1 else shape)
        if not fits or len(x) != len(inputs[0]):
            raise DataError(f"{where}{name} must have shape (n, {', '.join(map(str, shape))}), got {x.shape}")
        if not np.issubdtype(x.dtype, np.integer):
            raise DataError(f"{where}{name} must be integers, got {x.dtype}")
        if x.size and (x.min() < grid.low or x.max() > grid.high):
            raise DataError(f"{where}{name} must lie in [{grid.low}, {grid.high}], got [{x.min()}, {x.max()}]")


def save_vectors(path: Path, graph: FirmwareGraph, inputs: tuple[np.ndarray, ...], outputs: np.ndarray) -> None:
    """Write inputs by name, and the integers that every firmware must give for them, into an ``.npz`` file."""
    arrays = {**dict(zip(graph.inputs, inputs, strict=True)), _EXPECTED: outputs}
    np.savez_compressed(path, allow_pickle=False, **arrays)


def load_vectors(path: Path, graph: FirmwareGraph) -> tuple[tuple[np.ndarray, ...], np.ndarray]:
    """Inputs, in the graph's order, and expected outputs of a file that :func:`save_vectors` wrote.

    Raises
    ------
    RunError
        The file is missing or damaged, or its arrays are not of one length.
    """
    again, names = "export the run again", (*graph.inputs, _EXPECTED)
    arrays = read_npz(path, RunError, again, names)
    lengths = {name: len(arrays[name]) if name in arrays and arrays[name].ndim else None for name in names}
    if None in lengths.values() or len(set(lengths.values())) != 1:
        raise RunError(f"{path} must hold {', '.join(names)}, as many jets of each, got {lengths}; {again}")
    return tuple(arrays[name] for name in graph.inputs), arrays[_EXPECTED]


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
