"""What the reader counts in a project's text, against the graph that the text was written from."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from math import prod
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tritag.errors import ExportError
from tritag.export.graph import CutTo, FirmwareGraph, Linear, Op, Product, Reshape, Sum
from tritag.hls_projects.unrolled import LABEL, LayerReading, ProjectReading, read_project
from tritag.quant.integer.program import Node, Program


@pytest.fixture(scope="module")
def reading(written: Any) -> ProjectReading:
    """The project of ``written``, read."""
    return read_project(written.folder, "tagger_v1")


def layer_of(reading: ProjectReading, name: str) -> LayerReading:
    """The layer of that name."""
    return next(layer for layer in reading.layers if layer.layer == name)


def edited(written: Any, folder: Path, file: str, edit: Callable[[str], str]) -> Path:
    """A copy of the project with one file changed."""
    shutil.copytree(written.folder, folder / "hls", ignore=shutil.ignore_patterns("ap_types"))
    path = folder / "hls" / "firmware" / file
    text = path.read_text()
    assert edit(text) != text
    path.write_text(edit(text))
    return folder / "hls"


def turns(program: Program, node: Node, rows: int) -> int:
    """How often a jet needs one of the instruction's statements."""
    per_row = node.per_row or any(program.nodes[a].per_row for a in node.args)
    return node.lanes * (rows if per_row else 1)


def test_every_layer_is_read(written, reading):
    assert [x.layer for x in reading.layers] == [x.name for x in written.graph.layers if not isinstance(x, Reshape)]
    assert reading.interval_cycles == written.target.interval_cycles


def test_products_and_reads_of_ops(written, reading):
    for op in (x for x in written.graph.layers if isinstance(x, Op)):
        program, rows, read = op.bound.program, written.graph.rows(op), layer_of(reading, op.name)
        expected = {"products": 0, "scaled": 0, "table_reads": 0}
        for node in program.nodes:
            if node.op == "mul":
                constant = any(program.nodes[a].op == "const" for a in node.args)
                expected["scaled" if constant else "products"] += turns(program, node, rows)
            elif node.op == "lookup":
                expected["table_reads"] += turns(program, node, rows)
        assert {name: getattr(read, name) for name in expected} == expected, op.name


def test_rows_of_ops_share_one_circuit(written, reading):
    gelu = next(x for x in written.graph.layers if isinstance(x, Op) and x.bound.program.name == "gelu")
    read, rows, lanes = layer_of(reading, gelu.name), written.graph.rows(gelu), written.graph.shapes[gelu.name][1]
    assert read.loops == f"{rows} rows"
    assert read.operations == rows * read.kept > 0
    assert read.table_reads == rows * lanes
    interval = written.target.interval_cycles // rows
    assert read.table_copies == -(-lanes // (2 * interval))
    (table,) = gelu.bound.program.tables.values()
    assert read.table_bits == read.table_copies * len(table) * max(int(v).bit_length() + 1 for v in table)


def test_layers_of_hls4ml(written, reading):
    graph: FirmwareGraph = written.graph
    for layer in graph.layers:
        if isinstance(layer, Linear):
            assert layer_of(reading, layer.name).scaled == graph.shapes[layer.name][0] * np.count_nonzero(layer.weight)
        elif isinstance(layer, Product):
            (first, second), out = (graph.shapes[x] for x in layer.sources), layer.equation.partition("->")[2]
            letters = dict(zip(layer.equation.partition("->")[0].replace(",", ""), (*first, *second), strict=True))
            assert set(out) <= set(letters)
            read = layer_of(reading, layer.name)
            assert read.products == prod(letters.values())
            assert read.multipliers == -(-read.products // written.target.interval_cycles)
        elif isinstance(layer, Sum | CutTo):
            assert layer_of(reading, layer.name).operations == prod(graph.shapes[layer.name])


def test_sums_and_label(reading):
    made = reading.as_dict()
    assert made["label"] == LABEL == "known without the tool; not synthesised"
    assert made["total"]["operations"] == sum(x.operations for x in reading.layers)
    assert LABEL in str(reading)
    assert f"{reading.total('kept'):,} where rows share circuits" in str(reading)


@pytest.mark.parametrize("lost", ["#pragma HLS INLINE off", "#pragma HLS ALLOCATION function"])
def test_without_its_pragmas_nothing_is_shared(written, reading, tmp_path, lost):
    folder = edited(written, tmp_path, "nnet_utils/tritag_ops.h", lambda text: text.replace(lost, "//"))
    without = read_project(folder, "tagger_v1")
    assert without.total("kept") == without.total("operations") == reading.total("operations") > reading.total("kept")


def test_more_rows_than_cycles_take_more_circuits(written, reading, tmp_path):
    folder = edited(written, tmp_path, "parameters.h", lambda text: text.replace("row_units = 1;", "row_units = 2;"))
    before, after = (
        next(x for x in r.layers if "gelu" in x.layer) for r in (reading, read_project(folder, "tagger_v1"))
    )
    assert after.kept == 2 * before.kept


def test_refused(written, tmp_path):
    folder = edited(written, tmp_path, "tagger_v1.cpp", lambda text: text.replace("::einsum<", "::new_kernel<"))
    with pytest.raises(
        ExportError, match=r"must know every function that they call, but does not know 'new_kernel' of"
    ):
        read_project(folder, "tagger_v1")
    top = folder / "firmware" / "tagger_v1.cpp"
    top.write_text(top.read_text().replace("#pragma HLS PIPELINE", "#pragma HLS DATAFLOW"))
    with pytest.raises(ExportError, match=r"tagger_v1.cpp must have #pragma HLS PIPELINE II=... and calls of layers"):
        read_project(folder, "tagger_v1")
