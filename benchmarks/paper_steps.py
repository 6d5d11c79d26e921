"""A training step of the paper's large taggers on one thread, and what the paper's studies would take on one core.

    python -m benchmarks.paper_steps

CPU time of a step, forward and backward, of 16 random jets with 128 candidates (the shorter of two, after a first),
times the batch of the tagger's own settings, and of the steps of Table 1 and Table 2. The last two are projections.
"""

from __future__ import annotations

import torch

from benchmarks.training_steps import steps_s, study_of
from tritag.models.nets.registry import load_tagger_config, make_tagger
from tritag.models.training.memory import keep_freed_memory
from tritag.quant.recipe import make_recipe

NAMES = [
    f"paper/{network}-{size}" for size in ("200k", "2m") for network in ("transformer", "lloca", "part", "lgatr-slim")
]
K, JETS = 128, 16


def cpu_s_a_jet(name: str) -> float:
    """CPU time of a training step over the number of its jets."""
    torch.manual_seed(1)
    tagger = make_tagger(load_tagger_config(name, K))
    return min(steps_s(tagger, JETS, K, 1, 3)[1:]) / JETS


def main() -> None:
    """Print the table of docs/training.md."""
    torch.set_num_threads(1)
    keep_freed_memory()
    print("| tagger | ms a jet | s a step | projected hours | of Table 2 |\n|---|---|---|---|---|")  # noqa: T201
    _, settings = study_of("paper/table-2")
    jets_of_table_2 = int(settings["training.iterations"]) * int(settings["training.batch_size"])
    for name in NAMES:
        training = make_recipe(load_tagger_config(name), "top", "float").training
        jet_s = cpu_s_a_jet(name)
        step_s = jet_s * training.batch_size
        second = f"{jets_of_table_2 * jet_s / 3600:,.0f}" if name.endswith("2m") else "-"
        hours = f"{training.iterations * step_s / 3600:,.0f}"
        print(f"| `{name}` | {1000 * jet_s:.3g} | {step_s:.3g} | {hours} | {second} |", flush=True)  # noqa: T201


if __name__ == "__main__":
    main()
