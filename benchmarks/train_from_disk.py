"""Memory and speed of a training from a file of many jets: the memory must not grow with their number.

    python -m benchmarks.train_from_disk --jets 100000 1000000 10000000

For each number a jet file is made of random jets, block by block, and a tagger is trained from it for some steps in a
process of its own, as `tritag train` reads it. "Own" is what the process took for itself (anonymous memory, the most at
any time); what it mapped from its file of codes the system may drop at will. One JSON line each.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from tritag.data.jets.ragged import RaggedJets

TAGGER, CONSTITUENTS, PER_PART, STORED = "transformer-2k", 16, 100_000, 20
VALIDATION = 10_000


def parts(n_jets: int, first: int = 0) -> Iterator[RaggedJets]:
    """Random jets, ``PER_PART`` at a time; other ones for another ``first``."""
    from tritag.data.jets.ragged import RaggedJets

    for start in range(0, n_jets, PER_PART):
        rng, n = np.random.default_rng(first + start), min(PER_PART, n_jets - start)
        counts = rng.integers(5, STORED + 1, n)
        offsets = np.concatenate([[0], np.cumsum(counts)]).astype(np.int64)
        label = rng.integers(0, 2, n).astype(np.int8)
        wide = np.repeat(0.1 + 0.1 * label, counts).astype(np.float32)
        size, (eta, phi) = offsets[-1], rng.standard_normal((2, offsets[-1]), np.float32) * wide
        pt = (600 / np.repeat(counts, counts) * rng.random(size, np.float32) * 2).astype(np.float32)
        zeros = np.zeros((n, 4), np.float32)
        yield RaggedJets(pt * np.cos(phi), pt * np.sin(phi), pt * np.sinh(eta), offsets, label, zeros, zeros)


def own_mb() -> float:
    """Anonymous memory of this process in MB."""
    lines = Path("/proc/self/status").read_text(encoding="ascii").splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("RssAnon")) / 1024


def train(path: Path, steps: int) -> dict[str, float]:
    """Train from the file; returns seconds and MB."""
    from tritag.models.nets.registry import load_tagger_config
    from tritag.models.training.training import train as train_tagger
    from tritag.pipeline.jets import coded_jets
    from tritag.quant.recipe import fresh_tagger, make_recipe

    most, done = [0.0], threading.Event()

    def watch() -> None:
        while not done.wait(0.1):
            most[0] = max(most[0], own_mb())

    before = own_mb()
    threading.Thread(target=watch, daemon=True).start()
    training = {"iterations": steps, "validate_every": steps}
    recipe = make_recipe(load_tagger_config(TAGGER, CONSTITUENTS), str(path), "float", training=training)
    began = time.perf_counter()
    jets = {split: coded_jets(recipe, split) for split in ("train", "val")}
    read_s = time.perf_counter() - began
    with tempfile.TemporaryDirectory() as directory:
        result = train_tagger(
            fresh_tagger(recipe), jets["train"], jets["val"], recipe.training, directory, progress=False
        )
    done.set()
    return {
        "read_s": round(read_s, 1),
        "jets_read_per_s": round(len(jets["train"]) / read_s),
        "jets_trained_per_s": round(result.jets_per_s),
        "own_before_mb": round(before),
        "own_most_mb": round(max(most[0], own_mb())),
        "resident_most_mb": round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024),
    }


def main() -> None:
    """Make the files, train from each, print a line each."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--jets", type=int, nargs="+", default=[100_000, 1_000_000, 10_000_000])
    parser.add_argument("--steps", type=int, default=200)
    parser.add_argument("--file", type=Path, help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.file:
        print(json.dumps(train(given.file, given.steps)))  # noqa: T201
        return
    from tritag.data.jets.parts import write_parts

    for n_jets in given.jets:
        with tempfile.TemporaryDirectory(dir=os.environ.get("TMPDIR")) as folder:
            path, began = Path(folder) / "jets.h5", time.perf_counter()
            splits = {"train": (0, n_jets), "val": (n_jets, n_jets + VALIDATION)}
            write_parts(path, parts(n_jets + VALIDATION), splits=splits)
            made = {"jets": n_jets, "file_gb": round(path.stat().st_size / 1e9, 2)}
            made["written_s"] = round(time.perf_counter() - began, 1)
            call = [
                sys.executable,
                "-m",
                "benchmarks.train_from_disk",
                "--file",
                str(path),
                "--steps",
                str(given.steps),
            ]
            done = subprocess.run(
                call, env={**os.environ, "TRITAG_CACHE": folder}, check=True, capture_output=True, text=True
            )
        print(json.dumps(made | json.loads(done.stdout)), flush=True)  # noqa: T201


if __name__ == "__main__":
    main()
