"""Scores millions of jets with the native emulator: jets a second, peak memory, equality with ONNX Runtime.

    python benchmarks/score_many_jets.py RUN --jets data/sample/jets400.h5 --many 10000000 --folder /some/disk

The jets of the file are repeated until there are as many as asked for, in a file of 0.3 kB a jet, which is removed.
"""

from __future__ import annotations

import argparse
import resource
import sys
import tempfile
import time
from pathlib import Path

import h5py
import numpy as np

import tritag
from tritag.data.jets.ragged import RaggedJets
from tritag.data.jets.store import read_ragged, write_jets
from tritag.terminal import print_result

COMPARED = 100_000


def repeat(jets: RaggedJets, many: int, path: Path) -> None:
    """Write ``many`` jets, those of ``jets`` again and again, without having them all in memory."""
    write_jets(path, jets, splits={}, settings={}, versions={}, seed=None)
    with h5py.File(path, "r+") as file:
        n, times = len(jets), -(-many // len(jets))
        for name in list(file):
            values, kind = file[name][()], file[name].dtype
            del file[name]
            length = n * times + 1 if name == "offsets" else len(values) * times
            made = file.create_dataset(name, (length, *values.shape[1:]), kind, chunks=True)
            for i in range(times):
                if name == "offsets":
                    made[i * n : (i + 1) * n + 1] = values + i * values[-1]
                else:
                    made[i * len(values) : (i + 1) * len(values)] = values


def peak_mb() -> float:
    """Largest resident memory of this process so far."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def main() -> int:
    """Print the figures; status 1 when an integer differs."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("run")
    parser.add_argument("--jets", type=Path, required=True)
    parser.add_argument("--many", type=int, default=10_000_000)
    parser.add_argument("--folder", type=Path)
    chosen = parser.parse_args()
    opened = tritag.open_run(chosen.run)
    constituents = opened.recipe.tagger.n_constituents
    with tempfile.TemporaryDirectory(dir=chosen.folder) as name:
        file, out = Path(name) / "jets.h5", Path(name) / "scores.h5"
        repeat(read_ragged(chosen.jets, n_max=20_000).leading(constituents), chosen.many, file)
        tritag.score_file(opened, file, Path(name) / "few.h5", n_max=COMPARED)  # compiled, and all memory taken once
        before, began = peak_mb(), time.perf_counter()
        result = tritag.score_file(opened, file, out, n_max=chosen.many)
        took = time.perf_counter() - began
        print_result(f"{result.jets:,} jets in {took:.0f} s: {result.jets / took:,.0f} jets/s from file to file")
        print_result(f"peak memory {before:,.0f} MB after {COMPARED:,} jets, {peak_mb():,.0f} MB after {result.jets:,}")
        expected = tritag.score(opened, tritag.read_jets(file, n_max=COMPARED), executor="onnxruntime").integers
        with h5py.File(out) as scores:
            differ = int((scores["integers"][: len(expected)] != expected).any(axis=1).sum())
            repeated = scores["integers"][-len(expected) :]
        print_result(
            f"{differ} of {len(expected):,} jets differ from ONNX Runtime; {len(np.unique(repeated))} different scores"
        )
    return 1 if differ else 0


if __name__ == "__main__":
    sys.exit(main())
