"""Rows that become values of the jet and rows again: as in the taggers with one network for all pairs."""

from __future__ import annotations

from tests.helpers.programs import unscaled
from tests.helpers.rtl import timing
from tritag.export.graph import FirmwareGraph, Op, Reshape
from tritag.export.rtl.design.design import build
from tritag.export.rtl.tools.check import check_design, require_right
from tritag.quant.formats.fixed import Grid
from tritag.quant.integer.tracer import Tracer

ROWS, LANES = 5, 2


def _graph() -> FirmwareGraph:
    """``y = 3 x - (x backwards, all entries of the jet)``."""
    t = Tracer("backwards", 1)
    x = t.input("x", -128, 127, lanes=ROWS * LANES, per_row=False)
    t.output("y", t.stack([x.lane(i) for i in reversed(range(ROWS * LANES))]))
    backwards = unscaled(t.program)
    t = Tracer("meet", ROWS)
    a, b = (t.input(name, -128, 127, lanes=LANES) for name in "ab")
    t.output("y", a * 3 - b)
    meet = unscaled(t.program)
    graph = FirmwareGraph(inputs=["x"], outputs=["met"])
    graph.layers = [
        Reshape("flat", ("x",)),
        Op("turned", ("flat",), backwards),
        Reshape("rows", ("turned",)),
        Op("met", ("x", "rows"), meet),
    ]
    shapes = {"x": (ROWS, LANES), "flat": (1, ROWS * LANES), "turned": (1, ROWS * LANES)}
    graph.shapes = shapes | {"rows": (ROWS, LANES), "met": (ROWS, LANES)}
    graph.grids = dict.fromkeys(("x", "flat", "turned", "rows"), Grid(-128, 127, 0)) | {"met": Grid(-511, 509, 0)}
    return graph


def test_rows_meet_rows_that_were_values_of_the_jet(rng):
    # Five rows in two slots: a place stays empty.
    design = build(_graph(), timing(7), 3)
    x = rng.integers(-128, 128, (60, ROWS, LANES))
    x[0], x[1] = -128, 127
    expected = 3 * x - x.reshape(60, -1)[:, ::-1].reshape(x.shape)
    result = check_design(design, {"x": x}, expected.reshape(60, -1))
    assert [s["differ"] for s in result["scenarios"].values()] == [0, 0, 0]
    require_right(result | {"interval": 7})
