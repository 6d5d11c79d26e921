"""Verilog for people: names, header, comments, memories; two designs in one tool."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.helpers.op_cases import OP_CASES
from tests.helpers.rtl import timing
from tests.helpers.taggers import TINY, calibrated_tagger
from tritag.errors import ToolError
from tritag.export.firmware_layers import FirmwareGraph
from tritag.export.graph import read_graph
from tritag.export.naming import Naming
from tritag.export.qonnx_file import export_model
from tritag.export.rtl.design.design import Design, build
from tritag.export.rtl.design.listing import PAGES, Facts, listing, op_page
from tritag.export.rtl.design.prefix import prefixed
from tritag.export.rtl.tools import simulation
from tritag.export.rtl.tools.simulation import missing_tools, verilator_root
from tritag.export.rtl.tools.synthesis import Job

REPOSITORY = Path(__file__).resolve().parents[3]
NAMES = (Naming("top_jets", 2), Naming("b_jets", 2))


@pytest.fixture(scope="module")
def graph() -> FirmwareGraph:
    """The smallest transformer, for one candidate."""
    return read_graph(export_model(calibrated_tagger(1, "ternary", TINY)))


@pytest.fixture(scope="module")
def written(graph: FirmwareGraph) -> Design:
    """Its Verilog under the names that it is written with."""
    return build(graph, timing(9), 1)


def _facts(naming: Naming) -> Facts:
    return Facts("transformer-0a1b2c3d", "0a1b2c3d", naming.name, naming.version, "xcvu13p-flga2577-2-e", 2.7777)


def test_every_op_names_a_page_that_is_there():
    ops = {OP_CASES[case]()[0].program.name for case in OP_CASES}
    assert [op for op in ops if not (REPOSITORY / op_page(op)).is_file()] == []
    assert set(PAGES) <= ops


def test_names_begin_with_the_artefact_s_and_resources_stay(graph, written):
    design, naming = prefixed(written, NAMES[0]), NAMES[0]
    text = listing(design, graph, _facts(naming))
    modules = re.findall(r"^module (\w+)", text, re.MULTILINE)
    assert modules[-1] == naming.full
    assert all(module.startswith(naming.prefix) for module in modules[:-1])
    assert design.files
    assert all(re.fullmatch(rf"{naming.prefix}[a-z]\w*\.hex", file) for file in design.files)
    assert not any(re.search(r"_[0-9a-f]{12}\.hex", file) for file in design.files)
    assert (design.latency_cycles, design.estimate()) == (written.latency_cycles, written.estimate())
    # What Yosys is given does not depend on the name: an artefact with another name is not synthesised again.
    twins = zip(design.kernels, written.kernels, strict=True)
    assert all(Job.of(a.module, a.text, a.files) == Job.of(b.module, b.text, b.files) for a, b in twins)


def test_header_and_comments_say_what_is_there(graph, written):
    design = prefixed(written, NAMES[0])
    text = listing(design, graph, _facts(NAMES[0]))
    assert text == listing(design, graph, _facts(NAMES[0]))
    header = text.split("\n\n")[0]
    for line in (
        "settings 0a1b2c3d",
        "top_jets, version 2",
        "xcvu13p-flga2577-2-e",
        "Apache-2.0",
        "2.7777 ns = 360.0 MHz",
    ):
        assert line in header
    for port in (*design.inputs, *(name for name, _, _ in design.outputs)):
        (row,) = re.findall(rf"^// {port} +(\d+) ", header, re.MULTILINE)
        width = design.widths.get(port) or next(w for name, w, _ in design.outputs if name == port)
        assert int(row) == width
    assert design.widths == {"pt_s0": 14, "eta_s0": 12, "phi_s0": 11, "count": 1}
    (pt,) = re.findall(r"^// pt_s0 .*$", header, re.MULTILINE)
    assert re.sub(" +", " ", pt) == "// pt_s0 14 unsigned 0.25 GeV pT, in [0, 16383], at the first beat"
    for kernel in design.kernels:
        assert f"// layer {kernel.layer}: " in text
    assert "op gelu, specified in docs/ops/gelu.md" in text
    code = "\n".join(line for line in text.splitlines() if not line.startswith(("//", "/*")))
    assert code.split() == design.text.split()


def test_two_designs_are_read_together(graph, written, tmp_path):
    """``verilator --lint-only -Wall`` has nothing to say, and Yosys finds both top modules."""
    if "Verilator" in missing_tools():
        pytest.skip("Verilator is not installed")
    pytest.importorskip("pyosys", reason="Yosys is not installed")
    for naming in NAMES:
        design = prefixed(written, naming)
        for file, content in {**design.files, f"{naming.full}.v": listing(design, graph, _facts(naming))}.items():
            (tmp_path / file).write_text(content)
    root, sources = verilator_root(), [f"{naming.full}.v" for naming in NAMES]
    command = [str(root / "bin" / "verilator_bin"), "--lint-only", "-Wall", "-Wno-MULTITOP", *sources]
    environment = {**os.environ, "VERILATOR_ROOT": str(root)}
    done = subprocess.run(command, cwd=tmp_path, env=environment, check=False, capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (0, "")
    passes = [f"read_verilog {' '.join(sources)}", *(f"select -assert-any {naming.full}" for naming in NAMES), "check"]
    script = f"from pyosys import libyosys as ys\nd = ys.Design()\nfor p in {passes!r}: ys.run_pass(p, d)\n"
    done = subprocess.run([sys.executable, "-c", script], cwd=tmp_path, check=False, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr


def test_a_simulation_is_compiled_again_where_only_a_memory_changed(written, monkeypatch):
    """Names of memories say nothing about their contents: the cache must not take one for the other."""
    entries: list[Path] = []

    def watched(entry: Path, _: object) -> None:
        entries.append(entry)
        raise ToolError("not compiled here")

    monkeypatch.setattr(simulation, "built", watched)
    kernel = next(k for k in written.kernels if k.files)
    for content in ("0\n", "0\n", "1\n"):
        for file in kernel.files:
            monkeypatch.setitem(kernel.files, file, content)
        with pytest.raises(ToolError, match="not compiled here"):
            simulation.Simulator([written])
    first, same, other = entries
    assert first == same != other
