"""Yosys on a small kernel: what is counted, and that it is counted once."""

from __future__ import annotations

from tests.helpers.op_cases import OP_CASES
from tests.helpers.rtl import op_design
from tritag.export.rtl import synthesis
from tritag.export.rtl.synthesis import Figures, module_figures, synthesise


def test_a_kernel_is_synthesised_once(tmp_path, monkeypatch):
    monkeypatch.setenv("TRITAG_CACHE", str(tmp_path))
    bound, rows = OP_CASES["layer_norm_c2"]()
    kernel = max(op_design(bound, rows, 2, 2, "op").kernels, key=lambda k: k.cost.lut)
    figures = module_figures(kernel.module, kernel.text, kernel.files)
    assert figures.dsp == kernel.cost.dsp > 0
    assert figures.lut > 50
    assert figures.ff > 20
    assert figures.carry8 > 5
    assert 2 <= figures.levels <= 12

    def again(*_):
        raise AssertionError("the figures must come from the cache")

    monkeypatch.setattr(synthesis, "_yosys", again)
    renamed = kernel.text.replace(kernel.module, "other")
    assert module_figures("other", renamed, kernel.files) == figures


def test_sum_over_instances(monkeypatch):
    bound, rows = OP_CASES["mean_pool_n5"]()
    design = op_design(bound, rows, 2, 5, "pool")
    monkeypatch.setattr(
        synthesis, "module_figures", lambda name, text, files: Figures(lut=1000 if name == "pool" else 1)
    )
    figures, total = synthesise(design)
    assert set(figures) == {"pool", *(k.module for k in design.kernels)}
    assert total.lut == 1000 + sum(k.instances for k in design.kernels)
