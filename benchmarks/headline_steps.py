"""A training step of every row of the study ``headline``, and what the study would take on one core.

    python -m benchmarks.headline_steps

CPU time of a step, forward and backward, of 1024 jets on one thread: the shortest of seven, because other programs
disturb the longer ones. Before it stands the first, behind it the hours of the study's steps at that speed, a
projection: neither validation nor reading is in them. ``--compile`` compiles the networks, of float rows alone, as
``tritag train --compile`` does.
"""

from __future__ import annotations

import argparse
from typing import Any

import torch

from benchmarks.training_steps import steps_s, study_of
from tritag.models.nets.registry import load_tagger_config, make_tagger
from tritag.models.training.memory import keep_freed_memory
from tritag.quant.layers.tagger import QuantTagger
from tritag.quant.recipe import make_recipe

BATCH, MICRO_BATCH, STEPS = 1024, 512, 7


def cpu_s(name: str, k: int, precision: str, compiled: bool = False) -> tuple[float, float]:
    """CPU seconds of the first step and of the shortest later one."""
    torch.manual_seed(1)
    config = load_tagger_config(name, k)
    quant = make_recipe(config, "top", precision).quant
    tagger: Any = make_tagger(config) if quant is None else QuantTagger(config, quant)
    first, *later = steps_s(tagger, MICRO_BATCH, k, BATCH // MICRO_BATCH, 1 + STEPS, compiled)
    return first, min(later)


def main() -> None:
    """Print the table of docs/training.md."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--compile", action="store_true")
    compiled = parser.parse_args().compile
    torch.set_num_threads(1)
    keep_freed_memory()
    study, settings = study_of("headline")
    hours = 0.0
    for row in study["rows"]:
        name, k, precision = row["tagger"], row["constituents"], row["precision"]
        if compiled and precision != "float":
            continue
        first, seconds = cpu_s(name, k, precision, compiled)
        iterations = int(settings["training.iterations" if precision == "float" else "quant_training.iterations"])
        one = iterations * seconds / 3600
        hours += one * len(study["seeds"])
        print(f"| `{name}` | {k} | {precision} | {first:.2g} | {seconds:.3f} | {one:.2f} |", flush=True)  # noqa: T201
    print(f"{hours:.1f} core-hours{' of the float rows' if compiled else ''}")  # noqa: T201


if __name__ == "__main__":
    main()
