"""Packed word to packed word: jets of files as words through the definition, C-simulation, emulator and Verilog.

    .venv/bin/python -m benchmarks.words model.qonnx.onnx jets.npz more.h5 --jets 10000 --random 10000

It needs nothing of a run but its exported file; ``tritag verify RUN --interface words`` says the same of a run. Exit
status 1 when a bit differs.
"""

from __future__ import annotations

import argparse
import sys
import time
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from tritag.data.jets.random_jets import random_jets
from tritag.data.jets.trigger_grid import to_codes
from tritag.data.readers.formats import read_any
from tritag.export.executors import OnnxRuntimeExecutor
from tritag.export.firmware_layers import FirmwareGraph
from tritag.export.graph import read_graph
from tritag.export.model_file import read_model
from tritag.export.word_vectors import words_of_jets
from tritag.export.words import with_word_scores
from tritag.hls_projects.csim import compile_project
from tritag.hls_projects.emulator.library import compile_emulator
from tritag.hls_projects.target import load_target
from tritag.hls_projects.word_executors import WordCsim, WordEmulator, WordExecutor, WordReference, WordVerilog
from tritag.pipeline.made_design import design_of

TARGET = "vu13p-360mhz"


Words = tuple[NDArray[np.uint64], NDArray[np.uint64]]


def words_of(graph: FirmwareGraph, files: list[Path], most: int, random: int) -> dict[str, Words]:
    """Words and tokens by the name of their set: the first jets of files, then random jets and words of random bits."""
    k, taken, sets = graph.shapes["codes"][0], graph.candidates, {}
    for file in files:
        batch = read_any(file, n_max=most)
        codes = to_codes(batch.p4, batch.n_constituents, k, inputs=taken, columns=batch.columns)
        sets[file.name] = words_of_jets(*codes, taken)
    if random:
        rng = np.random.default_rng(1)
        sets["random jets"] = words_of_jets(*random_jets(rng, random, k, taken), taken)
        tokens = rng.integers(0, 1 << 64, random, np.uint64)
        sets["random bits"] = rng.integers(0, 1 << 64, (random, k), np.uint64), tokens
    return sets


def main() -> int:
    """Compare, print a line for each file and executor, and say how it ended."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("model", type=Path)
    parser.add_argument("files", type=Path, nargs="*")
    parser.add_argument("--random", type=int, default=0, help="as many random jets, and as many words of random bits")
    parser.add_argument("--jets", type=int, default=10_000, help="most jets of each file")
    parser.add_argument("--beats", type=int, default=None)
    chosen = parser.parse_args()
    model = with_word_scores(read_model(chosen.model))
    graph = read_graph(model)
    sets = words_of(graph, chosen.files, chosen.jets, chosen.random)
    if not sets:
        parser.error("there must be a file or --random")
    reference = WordReference(OnnxRuntimeExecutor(graph, model))
    expected = {name: reference.run(*words) for name, words in sets.items()}
    makers = {
        "emulator": lambda: WordEmulator(graph, compile_emulator(graph, "words")),
        "csim": lambda: WordCsim(graph, compile_project(graph, load_target(TARGET))),
        "verilog": lambda: WordVerilog(graph, design_of(graph, TARGET, beats=chosen.beats)[0]),
    }
    wrong = 0
    for make in makers.values():
        executor: WordExecutor = make()
        for name, words in sets.items():
            began = time.perf_counter()
            differ = int((executor.run(*words) != expected[name]).any(axis=1).sum())
            seconds, scores = time.perf_counter() - began, len(np.unique(expected[name][:, 1:] >> 22))
            line = f"{executor.name}: {differ} of {len(words[1])} jets of {name} differ, {scores} different scores"
            sys.stdout.write(f"{line}, {seconds:.0f} s\n")
            sys.stdout.flush()
            wrong += differ
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
