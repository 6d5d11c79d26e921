"""Compile times of the native emulators of all taggers: ``python -m benchmarks.emulator_compile [TAGGER...]``.

Each is compiled anew, with random ternary weights, and compared with ONNX Runtime on random and crafted jets. The
status is 1 where a compilation takes more than 30 s of CPU time, or an integer differs. Seconds and jets a second are
those of one core; the latter are the best of thirty calls.
"""

from __future__ import annotations

import argparse
import os
import resource
import sys
import tempfile
import time

import numpy as np

from tests.helpers.jets import random_jets, with_fields
from tests.helpers.taggers import calibrated_tagger
from tritag.data.jets.crafted import crafted_codes
from tritag.export.executors import OnnxRuntimeExecutor
from tritag.export.graph import read_graph
from tritag.export.qonnx_file import export_model
from tritag.hls_projects.emulator.executor import EmulatorExecutor
from tritag.hls_projects.emulator.library import compile_emulator
from tritag.models.nets.registry import load_tagger_config, tagger_names
from tritag.terminal import print_result

MOST_S = 30


def _children_s() -> float:
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def best_rate(emulator: EmulatorExecutor, jets: list[np.ndarray]) -> float:
    """Jets a second of CPU time, the best of thirty calls."""
    given = [np.ascontiguousarray(part, dtype=np.int32) for part in jets]
    best = float("inf")
    for _ in range(30):
        began = time.thread_time()
        emulator.run(*given)
        best = min(best, time.thread_time() - began)
    return len(given[0]) / best


def main() -> int:
    """Compile, compare and print a line for each tagger."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("taggers", nargs="*", help="by default all of the registry")
    parser.add_argument("--constituents", type=int, default=16)
    chosen = parser.parse_args()
    k, wrong = chosen.constituents, 0
    print_result("| tagger | lines of C++ | compiled, s of CPU | jets/s | jets that differ |\n|---|---|---|---|---|")
    for name in chosen.taggers or tagger_names():
        config = load_tagger_config(name)
        candidates = config.candidates
        tagger = calibrated_tagger(k, "ternary", dict(config.sizes), config.network, candidates=candidates)
        model = export_model(tagger)
        graph = read_graph(model)
        with tempfile.TemporaryDirectory() as cache:
            os.environ["TRITAG_CACHE"] = cache
            began = _children_s()
            library = compile_emulator(graph)
            compiled_s = _children_s() - began
            emulator = EmulatorExecutor(graph, library)
        rng = np.random.default_rng(2)
        both = with_fields(random_jets(rng, 300, k), candidates), crafted_codes(k, inputs=candidates)
        jets = [np.concatenate(parts) for parts in zip(*both, strict=True)]
        expected = OnnxRuntimeExecutor(graph, model).run(*jets)
        differ = int((emulator.run(*jets) != expected).reshape(len(expected), -1).any(axis=1).sum())
        rate = best_rate(emulator, [np.concatenate([part] * 20) for part in jets])
        lines = library.text.source.count("\n")
        print_result(f"| {name} | {lines:,} | {compiled_s:.1f} | {rate:,.0f} | {differ} of {len(expected)} |")
        wrong += compiled_s > MOST_S or differ > 0
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
