"""Ops through simulated Verilog: many designs are compiled into one program."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch

from tritag.export.rtl.design.design import Design, build_op
from tritag.export.rtl.text.delays import DelayModel
from tritag.export.rtl.text.module import Timing
from tritag.export.rtl.tools.simulation import Answers
from tritag.quant.integer.torch_executor import run
from tritag.quant.ops.op import BoundProgram


def timing(interval: int, dsp_bits: int = 40) -> Timing:
    """The default target's clock, with another interval."""
    return Timing(DelayModel.of_clock(2.7777, 12.5), interval, dsp_bits)


def op_design(bound: BoundProgram, rows: int, beats: int, interval: int, name: str) -> Design:
    """Design of one op."""
    return build_op(bound, rows, timing(interval), beats, name)


def named_inputs(bound: BoundProgram, inputs: Sequence[np.ndarray]) -> dict[str, np.ndarray]:
    """Inputs (jets, rows or 1, lanes) by the names of the ports."""
    return {port.name: x for port, x in zip(bound.program.inputs, inputs, strict=True)}


def reference(bound: BoundProgram, inputs: Sequence[np.ndarray]) -> np.ndarray:
    """Outputs of PyTorch, flattened and side by side: (jets, values)."""
    outputs = run(bound.program, [torch.from_numpy(x) for x in inputs])
    return np.concatenate([x.numpy().reshape(len(x), -1) for x in outputs], axis=1)


def report(design: Design, answers: Answers, expected: np.ndarray) -> str:
    """What differs; empty when nothing does."""
    if answers.values.shape != expected.shape:
        return f"{design.name}: answers must have shape {expected.shape}, got {answers.values.shape}"
    wrong = np.argwhere(answers.values != expected)
    if not len(wrong):
        return ""
    jet, column = wrong[0]
    must, got = expected[jet, column], answers.values[jet, column]
    columns = sorted({int(c) for _, c in wrong})
    return (
        f"{design.name}: {len(wrong)} of {expected.size} integers differ, in outputs {columns[:10]}; "
        f"first in jet {jet}, output {column}: must be {must}, got {got}"
    )
