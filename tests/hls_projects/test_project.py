"""Written hls4ml projects: what was asked for is what stands there, and the lint sees when it does not."""

from __future__ import annotations

import copy
import re
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from hls4ml.model.types import FixedPrecisionType, RoundingMode, SaturationMode

from tritag.errors import ExportError
from tritag.export.graph import CutTo, FirmwareGraph, Layer, Linear, Op, Reshape
from tritag.export.naming import Naming
from tritag.hls_projects import project
from tritag.hls_projects.own_names import own_text
from tritag.hls_projects.project import lint_project, ops_header, write_project
from tritag.noise import quiet


def named(written: Any, name: str) -> Any:
    """hls4ml's layer."""
    return next(layer for layer in written.model.get_layers() if layer.name == name)


def numbers(written: Any, name: str) -> tuple[list[float], list[int]]:
    """Decimal numbers of a weights header, which synthesis reads, and the integers that everybody else does."""
    text = (written.folder / "firmware" / "weights" / f"{name}.h").read_text()
    decimals, integers = re.findall(r"\{([^{}]+)\};", text)
    return [float(v) for v in decimals.split(",")], [int(v) for v in integers.split(",")]


class TestLint:
    def test_the_written_project_passes(self, written):
        lint_project(written.graph, written.model)

    @pytest.mark.parametrize("name", ["embed_cut", "blocks_0_attention_einsum", "blocks_0_gelu", "logit"])
    def test_dropped_layer(self, written, name):
        without = SimpleNamespace(get_layers=lambda: [x for x in written.model.get_layers() if x.name != name])
        with pytest.raises(ExportError, match=rf"project lint: hls4ml must keep layer '{name}', but dropped it"):
            lint_project(written.graph, without)

    @pytest.mark.parametrize("name", ["blocks_0_attention_einsum", "blocks_0_gelu", "blocks_0_add_mlp_add"])
    def test_layer_without_code(self, written, monkeypatch, name):
        layer = named(written, name)
        monkeypatch.setitem(layer.attributes, "function_cpp", "")
        with pytest.raises(ExportError, match=rf"hls4ml must call a function for '{name}', but writes no code for it"):
            lint_project(written.graph, written.model)

    @pytest.mark.parametrize("name", ["embed_add", "embed_cut", "blocks_0_attention_einsum", "pool_mean_pool"])
    def test_changed_precision(self, written, monkeypatch, name):
        kind = named(written, name).get_output_variable().type
        monkeypatch.setattr(kind, "precision", FixedPrecisionType(16, 6))
        with pytest.raises(
            ExportError, match=rf"project lint: '{name}' must have type ap_fixed<.*, hls4ml gave it fixed<16,6"
        ):
            lint_project(written.graph, written.model)

    @pytest.mark.parametrize(
        "modes",
        [
            (RoundingMode.TRN, SaturationMode.SAT),
            (RoundingMode.RND_CONV, SaturationMode.WRAP),
            (RoundingMode.RND, SaturationMode.SAT),
        ],
    )
    def test_changed_rounding(self, written, monkeypatch, modes):
        kind = named(written, "embed_cut").get_output_variable().type
        wanted = written.graph.grids["embed_cut"].type
        rounding, saturation = modes
        changed = FixedPrecisionType(wanted.width, wanted.integer, True, rounding, saturation)
        monkeypatch.setattr(kind, "precision", changed)
        with pytest.raises(
            ExportError, match=r"project lint: 'embed_cut' must round half to even and saturate, got fixed"
        ):
            lint_project(written.graph, written.model)

    def test_hls4ml_that_changes_a_type_while_writing(self, graph, written, monkeypatch, tmp_path):
        """The lint runs on what hls4ml made, not on what it was asked for."""
        text = project._text
        monkeypatch.setattr(project, "_text", lambda fixed, exact=True: text(fixed, exact).replace(",RND_CONV,SAT", ""))
        with (
            pytest.raises(ExportError, match=r"project lint: 'embed_cut' must round half to even and saturate"),
            quiet(tmp_path / "log"),
        ):
            write_project(graph, written.target, tmp_path / "hls")

    def test_layer_of_an_unknown_kind(self, graph, written, tmp_path):
        odd = copy.copy(graph)
        odd.layers = [*graph.layers, Layer("odd", (graph.layers[-1].name,))]
        odd.grids, odd.shapes = dict(graph.grids, odd=graph.grids["logit"]), dict(graph.shapes, odd=(1, 1))
        with pytest.raises(ExportError, match=r"layer 'odd' of kind Layer has no hls4ml form"):
            write_project(odd, written.target, tmp_path / "hls")


class TestWritten:
    def test_every_layer_is_called(self, written):
        top = (written.folder / "firmware" / "tagger_v1.cpp").read_text()
        for layer in written.graph.layers:
            if isinstance(layer, Op):
                assert f"hls4ml_tagger_v1_nnet::{layer.bound.op_type}<" in top
            elif not isinstance(layer, Reshape):
                assert f"// {layer.name}" in top, layer.name

    def test_types(self, written):
        defines = (written.folder / "firmware" / "defines.h").read_text()
        for layer in written.graph.layers:
            if isinstance(layer, CutTo):
                kind = named(written, layer.name).get_output_variable().type.name
                assert (
                    f"typedef ap_fixed<{layer.type.width},{layer.type.integer},AP_RND_CONV,AP_SAT,0> {kind};" in defines
                )

    def test_weights_are_the_integers(self, written):
        """The numbers in the headers, read back, are the integers of the graph."""
        for layer in written.graph.layers:
            if isinstance(layer, Linear):
                node = named(written, layer.name)
                for kind, codes, fraction in (
                    ("weight", layer.weight, layer.weight_fraction),
                    ("bias", layer.bias, layer.bias_fraction),
                ):
                    values, own = numbers(written, node.weights[kind].name)
                    scaled = sorted(v * 2.0**fraction for v in values)
                    unit = 2 ** (node.weights[kind].type.precision.fractional - fraction)
                    assert sorted(own) == [v * unit for v in scaled], (layer.name, kind)
                    per_row = len(scaled) // codes.size  # biases are repeated for every row
                    assert scaled == sorted([int(c) for c in codes.ravel()] * per_row), (layer.name, kind)

    def test_tables_are_the_integers(self, written):
        op = next(x for x in written.graph.layers if isinstance(x, Op) and x.bound.program.name == "gelu")
        node = named(written, op.name)
        table = list(op.bound.program.tables["gelu"])
        assert numbers(written, node.weights["gelu"].name) == (table, table)

    def test_ops_header(self, written):
        folder = written.folder / "firmware" / "nnet_utils"
        text = (folder / "tritag_ops.h").read_text()
        assert text == own_text(ops_header(written.graph), "tritag_ops.h", Naming("tagger"))
        kinds = {x.bound.op_type for x in written.graph.layers if isinstance(x, Op)}
        assert sorted(re.findall(r"^void (\w+)\($", text, re.MULTILINE)) == sorted(kinds)
        assert (folder / "tritag_integer.h").read_text() == own_text(
            project_header().read_text(), "tritag_integer.h", Naming("tagger")
        )

    def test_settings_reach_the_project(self, written):
        settings = (written.folder / "project.tcl").read_text()
        assert written.target.part in settings
        assert f"set clock_period {written.target.clock_period_ns}" in settings
        parameters = (written.folder / "firmware" / "parameters.h").read_text()
        intervals = {int(v) for v in re.findall(r"row_interval = (\d+);", parameters)}
        rows = {written.graph.shapes[x.sources[0]][0] for x in written.graph.layers if isinstance(x, Op)}
        assert intervals == {max(1, written.target.interval_cycles // n) for n in rows}
        units = {int(v) for v in re.findall(r"row_units = (\d+);", parameters)}
        assert units == {1}  # each has fewer rows than the interval has cycles


def test_one_op_on_other_rows_is_another_function(graph: FirmwareGraph):
    """A class token is normalised like the candidates, but alone."""
    norm = next(x for x in graph.layers if isinstance(x, Op) and x.bound.program.name == "layer_norm")
    assert f"void {norm.bound.op_type}(" in ops_header(graph)
    more = copy.copy(graph)
    source, rows = norm.sources[0], graph.shapes[norm.sources[0]][0]
    more.layers = [*graph.layers, Op("again", ("token",), norm.bound)]
    more.shapes = graph.shapes | {"token": (1, graph.shapes[source][1]), "again": (1, graph.shapes[source][1])}
    text = ops_header(more)
    for n in (rows, 1):
        (body,) = re.findall(rf"void {norm.bound.op_type}_rows{n}\(.*?\n}}\n", text, re.DOTALL)
        assert re.findall(r"row < (\d+);", body) == [str(n)]


def project_header() -> Path:
    """The header that travels with the package."""
    from tritag.hls_projects.hls4ml_extension import INTEGER_HEADER

    return INTEGER_HEADER


def test_folder_is_written_anew(graph: FirmwareGraph, written: Any, tmp_path: Path):
    folder = tmp_path / "hls"
    (folder / "firmware").mkdir(parents=True)
    (folder / "stale.txt").write_text("old")
    with quiet(tmp_path / "log"):
        write_project(graph, written.target, folder)
    assert not (folder / "stale.txt").exists()
