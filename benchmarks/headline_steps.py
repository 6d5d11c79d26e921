"""A training step of every row of the study ``headline``, and what the study would take on one core.

    python -m benchmarks.headline_steps

CPU time of a step, forward and backward, of 1024 jets on one thread: the shortest of seven, because other programs
disturb the longer ones. Before it stands the first, behind it the hours of the study's steps at that speed, a
projection: neither validation nor reading is in them. ``--compile`` compiles the networks, of float rows alone, as
``tritag train --compile`` does.
"""

from __future__ import annotations

import argparse
import time
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from tests.helpers.jets import random_jets
from tritag.configs import load_config
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
    codes = torch.from_numpy(random_jets(np.random.default_rng(1), MICRO_BATCH, k)[0]).long()
    count, label = torch.full((MICRO_BATCH, 1), k), (torch.arange(MICRO_BATCH) % 2).float()
    with torch.no_grad():
        inputs = tagger.eval().inputs(codes, count)
    outputs = torch.compile(tagger.train().outputs) if compiled else tagger.train().outputs

    def step() -> float:
        began = time.process_time()
        tagger.zero_grad(set_to_none=True)
        for _ in range(BATCH // MICRO_BATCH):
            logit: Tensor = outputs(inputs, count)[..., 0].flatten()
            F.binary_cross_entropy_with_logits(logit, label).backward()
        return time.process_time() - began

    first = step()
    return first, min(step() for _ in range(STEPS))


def main() -> None:
    """Print the table of docs/training.md."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--compile", action="store_true")
    compiled = parser.parse_args().compile
    torch.set_num_threads(1)
    keep_freed_memory()
    study = load_config("studies", "headline")
    steps = {key: int(value) for key, value in (setting.split("=") for setting in study["settings"])}
    hours = 0.0
    for row in study["rows"]:
        name, k, precision = row["tagger"], row["constituents"], row["precision"]
        if compiled and precision != "float":
            continue
        first, seconds = cpu_s(name, k, precision, compiled)
        iterations = steps["training.iterations" if precision == "float" else "quant_training.iterations"]
        one = iterations * seconds / 3600
        hours += one * len(study["seeds"])
        print(f"| `{name}` | {k} | {precision} | {first:.2g} | {seconds:.3f} | {one:.2f} |", flush=True)  # noqa: T201
    print(f"{hours:.1f} core-hours{' of the float rows' if compiled else ''}")  # noqa: T201


if __name__ == "__main__":
    main()
