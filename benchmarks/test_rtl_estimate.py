"""The estimate of LUTs before synthesis beside Yosys' count, kernel by kernel: ``make bench``.

Shift registers that Yosys puts into LUTs are in its count; the estimate has them as flip-flops that wait.
"""

from __future__ import annotations

import pytest

from tests.helpers.rtl import timing
from tests.helpers.taggers import MINI, calibrated_tagger
from tritag.export.graph import read_graph
from tritag.export.qonnx_file import export_model
from tritag.export.rtl.design import build
from tritag.export.rtl.synthesis import synthesise

# Smaller kernels are wires and a few gates.
LEAST_LUTS = 100
WITHIN = 0.25


def test_estimate_beside_yosys(capsys: pytest.CaptureFixture[str]) -> None:
    graph = read_graph(export_model(calibrated_tagger(16, "ternary", MINI)))
    design = build(graph, timing(54), 16)
    figures, total = synthesise(design)
    rows = {k.module: (k.cost.lut, figures[k.module].lut) for k in design.kernels}
    judged = {name: (a, b) for name, (a, b) in rows.items() if b >= LEAST_LUTS}
    close = [name for name, (a, b) in judged.items() if abs(a - b) <= WITHIN * b]
    with capsys.disabled():
        print()  # noqa: T201
        for name, (a, b) in judged.items():
            print(f"{name:60s} estimate {a:7.0f}  Yosys {b:7d}  ratio {a / b:.2f}")  # noqa: T201
        print(f"within {WITHIN:.0%}: {len(close)} of {len(judged)} kernels; all: {total}")  # noqa: T201
    assert judged
