"""Layers drawn together in the figures of a deep tagger."""

from __future__ import annotations

import pytest

from tritag.report.plots import resources, schedule, widths
from tritag.report.plots.folding import folded, told

DEEP = [f"blocks_{i}_{part}_add" for i in range(10) for part in ("query", "key", "value", "expand", "contract")]


def test_rows_are_as_many_as_can_be_read():
    names = [*DEEP, "head_add"]
    assert len(set(folded(names, 60).values())) == 51
    rows = folded(names, 20)
    assert list(dict.fromkeys(rows.values())) == [*(f"blocks_{i}" for i in range(10)), "head_add"]
    assert told(51, 11) == " The 51 layers are drawn in 11 rows, by the beginning of their names."
    assert told(11, 11) == ""


@pytest.mark.parametrize("names", [[], ["logit"], ["a", "b", "c"]])
def test_names_that_share_nothing_stay(names):
    assert folded(names, 1) == {name: name for name in names}


def test_nothing_is_lost_when_rows_are_folded():
    kernels = [{"layer": name, "instances": 2, "lut": 3, "dsp": 1, "stages": [i, i + 4]} for i, name in enumerate(DEEP)]
    report = {"rtl": {"kernels": kernels, "estimate": {"lut": 300, "dsp": 100}}}
    rows = resources.by_layer(report)
    assert sum(lut for _, lut, _ in rows) == 300
    assert sum(dsp for _, _, dsp in rows) == 100
    assert "drawn in 10 rows" in resources.PLOT.caption(report)
    report["rtl"] |= {"scheduled_latency_cycles": 54, "interval": 9}
    assert "drawn in 10 rows" in schedule.PLOT.caption(report)
    layers = [{"name": name, "kind": "Sum", "width": 5 + i, "fraction": 2} for i, name in enumerate(DEEP * 2)]
    layers += [{"name": "blocks_0_reshape", "kind": "Reshape", "width": 99, "fraction": 0}]
    assert widths.PLOT.height_for({"layers": layers}) == pytest.approx(0.9 + 0.14 * len(DEEP))
