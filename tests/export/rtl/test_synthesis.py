"""Yosys on a small kernel: what is counted, and that it is counted once."""

from __future__ import annotations

import json
import re
import stat
from pathlib import Path

import pytest

from tests.helpers.op_cases import OP_CASES
from tests.helpers.rtl import op_design, timing
from tritag.errors import ToolError
from tritag.export.rtl.text.clock import (
    SIZE_ERROR_NS,
    SIZE_NS,
    SIZE_NS_PER_LUT,
    clock_estimate,
    latency_at_size_ns,
    residuals,
    size_period_ns,
)
from tritag.export.rtl.text.fpga import Figures
from tritag.export.rtl.text.routed import ROUTED, size_line
from tritag.export.rtl.tools import synthesis
from tritag.export.rtl.tools.synthesis import module_figures, summed, synthesise
from tritag.export.rtl.tools.vivado import vendor_figures, vivado


def test_a_kernel_is_synthesised_once(tmp_path, monkeypatch):
    cache = tmp_path / 'it\'s an "odd" place ü'
    monkeypatch.setenv("TRITAG_CACHE", str(cache))
    bound, rows = OP_CASES["layer_norm_c2"]()
    kernel = max(op_design(bound, rows, 2, 2, "op").kernels, key=lambda k: k.cost.lut)
    figures = module_figures(kernel.module, kernel.text, kernel.files)
    assert figures.dsp == kernel.cost.dsp > 0
    assert figures.lut > 50
    assert figures.ff > 20
    assert figures.carry8 > 5
    assert 2 <= figures.levels <= 12
    assert abs(kernel.cost.lut - figures.lut) <= 0.25 * figures.lut

    def again(*_):
        raise AssertionError("the figures must come from the cache")

    monkeypatch.setattr(synthesis, "_yosys", again)
    renamed = re.sub(rf"\b{kernel.module}\b", "other", kernel.text)
    assert module_figures("other", renamed, kernel.files) == figures
    (entry,) = cache.glob("rtl/synthesis/*.json")
    entry.write_bytes(entry.read_bytes().partition(b"\n")[2])
    with pytest.raises(AssertionError):  # figures without a seal are not believed
        module_figures("other", renamed, kernel.files)


def test_modules_go_through_together_and_an_interruption_loses_nothing(tmp_path, monkeypatch):
    monkeypatch.setenv("TRITAG_CACHE", str(tmp_path))
    bound, rows = OP_CASES["mean_pool_n5"]()
    design = op_design(bound, rows, 2, 5, "pool")
    runs: list[list[str]] = []

    def figures_of(text, files, names):
        runs.append(list(names))
        if len(runs) == 2:
            raise KeyboardInterrupt
        assert all(f"module {name} (" in text for name in names)
        return [Figures(lut=1000 if "blackbox" in text else 1) for _ in names]

    monkeypatch.setattr(synthesis, "_yosys", figures_of)
    told: list[tuple[int, int, float]] = []
    with pytest.raises(KeyboardInterrupt):
        synthesise(design, progress=lambda *x: told.append(x))
    figures = synthesise(design, progress=lambda *x: told.append(x))
    assert runs[1] == runs[2]
    modules = {k.module for k in design.kernels} | {design.name}
    assert set(figures) == modules
    assert told[-1] == (len(modules), len(modules), 1.0)
    assert summed(design, figures).lut == 1000 + sum(k.instances for k in design.kernels)
    some = design.kernels[:1]
    assert set(synthesise(design, some, top=False)) == {some[0].module}
    assert len(runs) == 3


def test_clock():
    total = Figures(lut=100_000, dsp=3072, levels=6)
    clock = clock_estimate(total, timing(1).delays, 2.7777)
    assert clock["levels_ns"] == pytest.approx(0.3 + 6 * 0.45)
    assert clock["size_ns"] == pytest.approx(SIZE_NS + 1e5 * SIZE_NS_PER_LUT)
    assert clock["slack_ns"] == pytest.approx(2.7777 - clock["size_ns"])
    assert latency_at_size_ns(100, 1e5, 2.5) == pytest.approx((100 * clock["size_ns"], 100 * SIZE_ERROR_NS))
    assert latency_at_size_ns(100, 1e5, 4.0)[0] == pytest.approx(400), "a stage is as long as it was scheduled"


def test_published_designs_beside_the_estimates():
    """The residuals are those of the table in docs/rtl-results.md, which quotes them row by row."""
    rows = residuals(timing(1).delays)
    assert [r["size_residual_ns"] for r in rows] == pytest.approx([d.period_ns - size_period_ns(d.lut) for d in ROUTED])
    assert sum(r["size_residual_ns"] for r in rows) == pytest.approx(0, abs=1e-9)
    assert size_line(ROUTED[:-2]) == pytest.approx((2.546, 0.685e-5, 0.262), rel=2e-3)
    deep = {r["levels"]: r["levels_residual_ns"] for r in rows if r["levels"]}
    assert deep == pytest.approx({14: -0.149, 16: -1.284}, abs=1e-3)
    page = (Path(__file__).parents[3] / "docs" / "rtl-results.md").read_text(encoding="utf-8")
    for design, row in zip(ROUTED, rows, strict=True):
        line = f"| {design.name} | {design.lut:,} | {design.period_ns:.2f} | {row['size_residual_ns']:+.2f} |"
        assert line in page, line
    assert f"{SIZE_NS:.2f} + {1e5 * SIZE_NS_PER_LUT:.2f} ns for each 100 000 LUTs, rms {SIZE_ERROR_NS:.2f} ns" in page


def test_vivado_where_it_is_installed(tmp_path, monkeypatch):
    monkeypatch.setenv("PATH", str(tmp_path))
    assert vivado() is None
    given = {"lut": 9, "ff": 8, "carry4": 3, "carry8": 7, "dsp": 6, "ramb18": 1, "ramb36": 2, "slack_ns": 0.25}
    tool = tmp_path / "vivado"
    tool.write_text(f"#!/bin/sh\nprintf '%s' '{json.dumps(given)}' > vivado.json\n")
    tool.chmod(tool.stat().st_mode | stat.S_IXUSR)
    figures = vendor_figures(tmp_path, "tagger", "xcvu13p-flga2577-2-e", 2.7777, tmp_path / "log")
    assert (figures["bram18"], figures["carry8"], figures["dsp"]) == (5, 9, 6)
    assert "carry4" not in figures
    assert figures["period_ns"] == pytest.approx(2.5277)
    script = (tmp_path / "vivado.tcl").read_text()
    assert "synth_design -top tagger -part xcvu13p-flga2577-2-e" in script
    assert 'puts $out "\\"dsp\\": [count {REF_NAME =~ DSP48E*}],"' in script
    assert 'puts $out "\\{\\"lut\\": [count {REF_NAME =~ LUT* || REF_NAME =~ SRL*}],"' in script
    tool.write_text("#!/bin/sh\nexit 3\n")
    with pytest.raises(ToolError, match=r"vivado must synthesise .*, but ended with 3; see"):
        vendor_figures(tmp_path, "tagger", "part", 2.7777, tmp_path / "log")
