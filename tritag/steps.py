"""The steps of a run: what each of them writes into the run directory, and on which steps it builds."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Step:
    """A subcommand that adds ``files`` (or folders) to a run, made from what the steps ``after`` wrote."""

    files: tuple[str, ...]
    after: tuple[str, ...] = ()


# in an order in which they can be run
STEPS: dict[str, Step] = {
    "train": Step(("weights.safetensors", "history.jsonl", "metrics.json", "scores.npz")),
    "evaluate": Step(("evaluation.json",), after=("train",)),
    "cost": Step(("cost.json",), after=("train",)),
    "equivariance": Step(("equivariance.json",), after=("train",)),
    "import": Step(("original.onnx", "inputs.yaml", "import.json")),
    "export": Step(("model.qonnx.onnx", "graph.json", "vectors.npz"), after=("train", "import")),
    "csim": Step(("csim.json", "hls"), after=("export",)),
    "verify": Step(("verify.json", "original.json"), after=("csim",)),
    "rtl": Step(("rtl.json", "rtl", "vendor.json"), after=("export",)),
    "synth": Step(("synth.json",), after=("rtl",)),
    "report": Step(("report.html", "report.json"), after=("evaluate", "verify", "rtl", "synth")),
}


def step_of(filename: str) -> str | None:
    """Step that writes ``filename`` (a path inside the run directory), None for a file of no step."""
    first = filename.split("/", 1)[0]
    return next((name for name, step in STEPS.items() if first in step.files), None)


def steps_built_on(name: str) -> list[str]:
    """``name`` and every step that builds on it, directly or not."""
    found = [name]
    for other, step in STEPS.items():
        if other not in found and set(step.after) & set(found):
            found.append(other)
    return found


def steps_before(names: set[str]) -> list[str]:
    """``names`` and every step that they build on, directly or not, in an order in which they can be run.

    >>> steps_before({"csim"})
    ['train', 'import', 'export', 'csim']
    """
    wanted = set(names)
    for name in reversed(STEPS):
        if name in wanted:
            wanted.update(STEPS[name].after)
    return [name for name in STEPS if name in wanted]
