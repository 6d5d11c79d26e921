"""The verdict on a design: the same integers as the exported file, in as many cycles as the schedule says."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from tritag.errors import CheckFailed
from tritag.export.rtl.design.design import Design
from tritag.export.rtl.tools.simulation import (
    Script,
    Simulator,
    back_to_back,
    expect,
    joined,
    reset_script,
    with_stalls,
)

# Jets that are in flight, or about to start, when the reset comes in the middle.
_LOST = 5


def check_design(design: Design, inputs: Mapping[str, np.ndarray], expected: np.ndarray) -> dict[str, Any]:
    """Simulate jets back to back, with stalls, and with a reset in the middle.

    Returns
    -------
    dict
        ``latency_cycles`` and ``interval_cycles`` as measured, and ``scenarios``: jets and how many of them differ.
    """
    simulator, jets = Simulator([design]), len(expected)
    start = reset_script(design)
    answers = simulator.run(0, inputs, joined(start, back_to_back(design, jets)))
    scenarios = {"back_to_back": {"jets": jets, "differ": expect(answers, expected)}}
    latency = int(answers.cycle[0]) - len(start.cycles)
    intervals = sorted({int(d) for d in np.diff(answers.cycle)})

    few = min(jets, 200)
    chosen = {name: x[:few] for name, x in inputs.items()}
    rng = np.random.default_rng(2026)
    stalled = simulator.run(0, chosen, joined(start, with_stalls(design, few, rng)))
    scenarios["stalls"] = {"jets": few, "differ": expect(stalled, expected[:few])}

    cut = back_to_back(design, few).cycles[: _LOST * design.interval_cycles]
    after = simulator.run(0, chosen, joined(start, Script(cut), start, back_to_back(design, few)))
    # What was finished before the reset came, then all jets again.
    done = int((after.cycle < len(cut) + 1).sum())
    again = np.concatenate([expected[:done], expected[:few]])
    scenarios["reset"] = {"jets": len(again), "differ": expect(after, again)}
    return {
        "latency_cycles": latency,
        "scheduled_latency_cycles": design.latency_cycles,
        "interval_cycles": intervals[0] if intervals else design.interval_cycles,
        "intervals_seen": intervals,
        "scenarios": scenarios,
    }


def not_simulated(design: Design) -> dict[str, Any]:
    """The result of :func:`check_design` where nothing was simulated: the schedule's cycles, nothing measured."""
    return {
        "latency_cycles": None,
        "scheduled_latency_cycles": design.latency_cycles,
        "interval_cycles": None,
        "intervals_seen": [],
        "scenarios": {},
    }


def require_right(result: Mapping[str, Any]) -> None:
    """Raise when a jet differs or a measured cycle count is not the scheduled one; nothing measured is nothing wrong.

    Raises
    ------
    CheckFailed
        With the counts.
    """
    wrong = {name: s for name, s in result["scenarios"].items() if s["differ"]}
    if wrong:
        parts = [f"{name}: {s['differ']} of {s['jets']} jets differ" for name, s in wrong.items()]
        raise CheckFailed(f"the simulated Verilog must give the exported file's integers; {'; '.join(parts)}")
    if result["latency_cycles"] is not None and result["latency_cycles"] != result["scheduled_latency_cycles"]:
        raise CheckFailed(
            f"the latency must be {result['scheduled_latency_cycles']} cycles, measured {result['latency_cycles']}"
        )
    if any(i != result["interval"] for i in result["intervals_seen"]):
        raise CheckFailed(f"jets must come every {result['interval']} cycles, measured {result['intervals_seen']}")
