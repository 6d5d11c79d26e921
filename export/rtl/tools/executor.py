"""The simulated Verilog as an executor: the jets back to back, as close as the design takes them."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from tritag.errors import CheckFailed
from tritag.export.executors import Executor
from tritag.export.feature_vectors import port_values
from tritag.export.firmware_layers import FirmwareGraph
from tritag.export.rtl.design.design import Design
from tritag.export.rtl.tools.simulation import Simulator, back_to_back, joined, reset_script


def simulated(design: Design, simulator: Simulator, inputs: Mapping[str, np.ndarray]) -> np.ndarray:
    """Output integers of jets, int64 (jets, outputs), that enter the only design of ``simulator`` back to back.

    Raises
    ------
    CheckFailed
        There are more or fewer answers than jets.
    """
    jets = len(next(iter(inputs.values())))
    answers = simulator.run(0, inputs, joined(reset_script(design), back_to_back(design, jets)))
    if len(answers.values) != jets:
        raise CheckFailed(f"the simulation must give {jets} answers, got {len(answers.values)}")
    return answers.values


class VerilogExecutor(Executor):
    """Runs a design in Verilator, which is compiled once; minutes for many jets. It shows no layers."""

    name = "verilog"

    def __init__(self, graph: FirmwareGraph, design: Design) -> None:
        super().__init__(graph)
        self.design, self.simulator = design, Simulator([design])

    def _outputs(self, *inputs: np.ndarray) -> np.ndarray:
        values = simulated(self.design, self.simulator, port_values(self.graph, inputs))
        return values * 2.0 ** -self.graph.grids[self.graph.outputs[0]].fraction
