"""tritag's points of learned widths: runs in the runs folder, their counts, and the estimate at a jet a cycle."""

from __future__ import annotations

import dataclasses
import json
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import tritag
from benchmarks.widths_settings import FORMAT, Settings
from tritag.configs import digest
from tritag.errors import RunError
from tritag.files import JsonObject, write_json
from tritag.pipeline.cost import cost_run

# Stages of the firmware graph by the name that both sides share; the input scalars are left out on both.
_STAGES = {"linear": "linear", "attention": "attention", "layer_norm": "norms", "weighted_mean": "softmax"}
_STAGES |= {"mean_pool": "pool"}
_INPUTS = "jet_scalars"


def settings_of(settings: Settings, beta: float, changes: Sequence[str] = ()) -> list[str]:
    """Changes of settings, as ``tritag train --set`` takes them, of the point with penalty ``beta``."""
    first = {"iterations": settings.first_steps, "learning_rate": settings.first_rate}
    first |= {"batch_size": settings.batch_size, "micro_batch": settings.batch_size}
    second = {"iterations": settings.steps, "learning_rate": settings.rate}
    return [
        *(f"training.{key}={value}" for key, value in first.items()),
        f"training.validate_every={max(settings.first_steps, settings.steps)}",
        *(f"quant_training.{key}={value}" for key, value in second.items()),
        f"quant.bit_penalty={1e6 * beta:g}",
        *changes,
    ]


def by_stage(stages: JsonObject) -> dict[str, float]:
    """Effective bit operations by the names that HGQ2's counts have, from ``cost.json``'s stages."""
    found: dict[str, float] = {}
    for name, counts in stages.items():
        operations = counts.get("effective_bit_operations", 0)
        if operations and name != _INPUTS:
            stage = _STAGES.get(name, name)
            found[stage] = found.get(stage, 0) + operations
    return found


def tritag_points(
    settings: Settings, betas: list[float], folder: Path, precision: str, changes: Sequence[str] = ()
) -> Iterator[dict[str, Any]]:
    """Train what is missing of a sweep; yields every point. The float run of a seed is shared."""
    name = digest({**dataclasses.asdict(settings), "precision": precision, "changes": list(changes)})
    for beta in betas:
        path = folder / f"tritag-beta{beta:g}-seed{settings.seed}-{name}.json"
        if not path.is_file():
            write_json(path, _measured(settings, beta, precision, changes))
        yield json.loads(path.read_text(encoding="utf-8"))


def _measured(settings: Settings, beta: float, precision: str, changes: Sequence[str]) -> dict[str, Any]:
    began = time.process_time()
    trained = tritag.train(
        settings.tagger,
        settings.data,
        constituents=settings.constituents,
        precision=precision,
        seed=settings.seed,
        settings=settings_of(settings, beta, changes),
    )
    spent = time.process_time() - began
    tritag.export(trained.run)
    cost = cost_run(trained.run).counts
    design = tritag.rtl(trained.run, beats=1, interval=1, jets=0)
    stages = by_stage(cost["stages"])
    return {
        "format": FORMAT,
        "side": "tritag",
        "run": trained.run.name,
        "settings": dataclasses.asdict(settings),
        "precision": precision,
        "changes": list(changes),
        "beta": beta,
        "jets_seen": settings.jets_seen,
        "test": trained.metrics["test"],
        "effective_bit_operations": sum(stages.values()),
        "stages": stages,
        "estimate": dict(design.settings["estimate"]),
        "inputs_estimate": _of_inputs(design.settings["kernels"]),
        "latency_cycles": design.scheduled_latency_cycles,
        "cpu_s": round(spent),
    }


def _of_inputs(kernels: Sequence[Any]) -> dict[str, int]:
    """LUT and DSP of the input scalars, which HGQ2's network is given."""
    own = [kernel for kernel in kernels if kernel["layer"].endswith(_INPUTS)]
    if not own:
        raise RunError(f"the design must have a kernel of {_INPUTS}, got {[kernel['layer'] for kernel in kernels]}")
    return {key: sum(kernel[key] * kernel["instances"] for kernel in own) for key in ("lut", "dsp")}
