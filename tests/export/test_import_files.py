"""Foreign files that are refused with node and reason, forms that are accepted, and the command line."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from onnx import NodeProto, TensorProto, helper, numpy_helper

from tests.export.test_import import check_exact
from tests.helpers.advised import advised
from tritag.api import score
from tritag.cli import run as tritag
from tritag.errors import ConfigError, DataError, ExportError
from tritag.export.executors import OnnxRuntimeExecutor
from tritag.export.feature_vectors import random_features
from tritag.export.graph import read_graph
from tritag.export.importing.importer import import_model
from tritag.export.importing.input_grid import read_grids
from tritag.export.importing.original import compare_with_original
from tritag.export.importing.source import load_file
from tritag.export.importing.stock_hls4ml import findings
from tritag.files import write_json
from tritag.pipeline.fingerprint import FILE
from tritag.structured import read_json_if_there

DOMAIN = "qonnx.custom_op.general"
CONSTANTS = {
    "s": np.float32(0.07),
    "s2": np.float32(0.31),
    "z": np.float32(0),
    "power": np.float32(2**-4),
    "half": np.float32(0.5),
    "b": np.float32(5),
    "w": np.linspace(-1, 1, 12).reshape(4, 3).astype(np.float32),
    "wide": np.linspace(-1, 1, 8).reshape(4, 2).astype(np.float32) / 3,
    "k": np.linspace(-1, 1, 6).reshape(3, 2, 1).astype(np.float32),
    "factors": np.array([0.7, -0.4], np.float32),
    "rows": (np.arange(36).reshape(12, 3) % 7 / 8 - 0.4).astype(np.float32),
    "flat": np.array([-1, 4], np.int64),
}


def quant(x: str, y: str, scale: str = "s", **settings: Any) -> NodeProto:
    """A Quant node of five bits."""
    given = {"signed": 1, "narrow": 0, "rounding_mode": "ROUND"} | settings
    return helper.make_node("Quant", [x, scale, "z", "b"], [y], name=f"cut_{y}", domain=DOMAIN, **given)


def node(kind: str, inputs: Sequence[str], y: str, **settings: Any) -> NodeProto:
    """A node of ONNX."""
    return helper.make_node(kind, list(inputs), [y], name=f"the_{kind}", **settings)


def model(nodes: Sequence[NodeProto], shape: Sequence[int | str] = (1, 4), output: str = "y") -> onnx.ModelProto:
    """A file with one input ``x``."""
    used = {name for n in nodes for name in n.input}
    constants = [numpy_helper.from_array(np.asarray(v), name) for name, v in CONSTANTS.items() if name in used]
    graph = helper.make_graph(
        list(nodes),
        "g",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, list(shape))],
        [helper.make_tensor_value_info(output, TensorProto.FLOAT, None)],
        constants,
    )
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 13), helper.make_opsetid(DOMAIN, 1)])


WEIGHTS = quant("w", "wq")
REFUSED = {
    "Quant 'cut_q': scale, zero point and bits must be constants; dynamic": [
        quant("x", "first"),
        node("ReduceMax", ["first"], "m", keepdims=1, axes=[1]),
        helper.make_node("Quant", ["first", "m", "z", "b"], ["q"], name="cut_q", domain=DOMAIN),
        node("Relu", ["q"], "y"),
    ],
    "input 'x' of shape .4,. has no quantizer of its own: tell with --inputs": [
        WEIGHTS,
        node("MatMul", ["x", "wq"], "y"),
    ],
    "MatMul 'the_MatMul' must have integers as its input: what stands before it is a float activation": [
        WEIGHTS,
        quant("x", "q"),
        node("Tanh", ["q"], "t"),
        node("MatMul", ["t", "wq"], "y"),
    ],
    "Sin 'the_Sin' has no exact integer form here": [quant("x", "q"), node("Sin", ["q"], "y")],
    "rounding_mode must be one of ROUND, .* got 'STOCHASTIC'": [quant("x", "y", rounding_mode="STOCHASTIC")],
    "zero point must be whole, got .0.5.": [
        helper.make_node("Quant", ["x", "s", "half", "b"], ["y"], name="cut_q", domain=DOMAIN)
    ],
    "bits must be whole, got .0.5.": [
        helper.make_node("Quant", ["x", "s", "z", "half"], ["y"], name="cut_q", domain=DOMAIN)
    ],
    "MatMul 'the_MatMul' must have quantized weights: these are floats": [
        quant("x", "q"),
        node("MatMul", ["q", "wide"], "y"),
    ],
    "MatMul 'the_MatMul' must have constant weights": [WEIGHTS, quant("x", "q"), node("MatMul", ["wq", "q"], "y")],
}


@pytest.mark.parametrize("message", REFUSED)
def test_refused_with_node_and_reason(message: str) -> None:
    with pytest.raises(ExportError, match=message):
        import_model(model(REFUSED[message]))


def test_axes_of_unknown_size_are_refused() -> None:
    with pytest.raises(
        ExportError, match=r"input 'x' must have a batch axis and then axes of known size, got \['n', 'k'"
    ):
        import_model(model([quant("x", "y")], ["n", "k", 3]))


def _conv() -> onnx.ModelProto:
    return model([quant("k", "kq"), quant("x", "q"), node("Conv", ["q", "kq"], "c"), quant("c", "y", "s2")], (1, 2, 5))


def _flat() -> onnx.ModelProto:
    # Powers of two: float32 is exact, also where a sum is 0, just at the edge of a level.
    nodes = [
        quant("w", "wq", "power"),
        quant("x", "q", "power"),
        node("Shape", ["q"], "shape"),
        node("Reshape", ["q", "flat"], "r"),
        node("MatMul", ["r", "wq"], "m"),
        quant("m", "y", "s2", rounding_mode="FLOOR"),
    ]
    return model(nodes, (1, 2, 2))


def _channels_first() -> onnx.ModelProto:
    # As torch writes Conv1d, ReLU, Flatten, Linear.
    nodes = [
        quant("k", "kq", "power"),
        quant("rows", "wq", "power"),
        quant("x", "q", "power"),
        node("Conv", ["q", "kq"], "c"),
        quant("c", "r", "power", signed=0),
        node("Flatten", ["r"], "f"),
        node("MatMul", ["f", "wq"], "m"),
    ]
    return model([*nodes, quant("m", "y", "s2")], (1, 2, 4))


def _token_mixing() -> onnx.ModelProto:
    nodes = [
        quant("w", "wq", "power"),
        quant("x", "q", "power"),
        node("Transpose", ["q"], "t", perm=[0, 2, 1]),
        node("MatMul", ["t", "wq"], "m"),
        quant("m", "n", "power"),
        node("Transpose", ["n"], "u", perm=[0, 2, 1]),
    ]
    return model([*nodes, quant("u", "y", "s2")], (1, 4, 2))


def _mixed() -> onnx.ModelProto:
    return model([quant("x", "q"), node("Mul", ["q", "q"], "p"), quant("p", "y", "s2")])


def _bipolar() -> onnx.ModelProto:
    signs = helper.make_node("BipolarQuant", ["m", "s2"], ["y"], name="sign", domain="finn.custom_op.general")
    return model([quant("w", "wq", "power"), quant("x", "q", "power"), node("MatMul", ["q", "wq"], "m"), signs])


def _qcdq() -> onnx.ModelProto:
    constants = {"zp": np.int8(2), "lo": np.int8(-7), "hi": np.int8(6)}
    nodes = [
        node("QuantizeLinear", ["x", "s", "zp"], "i"),
        node("Clip", ["i", "lo", "hi"], "c"),
        node("DequantizeLinear", ["c", "s", "zp"], "q"),
        WEIGHTS,
        node("MatMul", ["q", "wq"], "m"),
        quant("m", "y", "s2"),
    ]
    found = model(nodes)
    found.graph.initializer.extend(numpy_helper.from_array(np.asarray(v), k) for k, v in constants.items())
    return found


def _table() -> onnx.ModelProto:
    nodes = [
        WEIGHTS,
        quant("x", "q"),
        node("MatMul", ["q", "wq"], "m"),
        quant("m", "n", "s2"),
        node("Tanh", ["n"], "t"),
    ]
    return model([*nodes, quant("t", "y")])


FORMS: dict[str, Callable[[], onnx.ModelProto]] = {
    "conv": _conv, "flat": _flat, "product": _mixed, "bipolar": _bipolar, "qcdq": _qcdq, "table": _table,
    "channels_first": _channels_first, "token_mixing": _token_mixing,
}  # fmt: skip


@pytest.mark.parametrize("form", FORMS)
def test_forms_equal_the_original(form: str) -> None:
    """In qonnx on all inputs; the exact value may stand on a tie of float32 nowhere here."""
    original = FORMS[form]()
    imported = import_model(original)
    graph = read_graph(imported.model)
    rng = np.random.default_rng(3)
    (name,) = graph.inputs
    grid = graph.grids[name]
    x = rng.integers(grid.low, grid.high, (300, *graph.shapes[name]), endpoint=True)
    codes = OnnxRuntimeExecutor(graph, imported.model).run(x)
    qonnx, *_ = compare_with_original(original, imported, {name: x}, codes, graph.output_lsb)
    assert (qonnx.why_not, qonnx.jets, qonnx.differ) == ("", 300, 0)
    assert len(np.unique(codes)) > 1


@pytest.mark.parametrize("form", ["dynamo", "qcdq"])
def test_other_exporters_of_brevitas(form: str) -> None:
    """Constants as inputs, weights as integers behind DequantizeLinear, Gemm or MatMul: equal in both runtimes."""
    from tests.helpers.foreign import DeepSets, Mlp, exported

    original = exported(DeepSets(), 3, 3, form=form) if form == "dynamo" else exported(Mlp(True), 6, form=form)
    imported = import_model(original)
    graph = read_graph(imported.model)
    inputs = random_features(graph, 300)
    codes = OnnxRuntimeExecutor(graph, imported.model).run(*inputs)
    named = dict(zip(graph.inputs, inputs, strict=True))
    found = compare_with_original(original, imported, named, codes, graph.output_lsb)
    assert [(c.runtime, c.why_not, c.differ) for c in found] == [("qonnx", "", 0), ("onnxruntime", "", 0)]


def test_an_input_on_a_grid_that_is_told() -> None:
    grids = read_grids({"x": {"bits": 6, "signed": True, "lsb": [0.25, "2**-3", "1/3", 1], "unit": "GeV"}})
    original = model([WEIGHTS, node("MatMul", ["x", "wq"], "y")])
    with pytest.raises(ExportError, match="one scale for all its inputs, or whole ratios"):
        import_model(original, grids)
    grids = read_grids({"x": {"bits": 6, "signed": True, "lsb": [0.25, "2**-3", "1/8", 1]}})
    check_exact(original, import_model(original, grids))


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ([], "must hold the name of each input"),
        ({"x": {"bits": 8, "signed": True}}, "input 'x' must hold lsb"),
        ({"x": {"bits": 0, "signed": True, "lsb": 1}}, r"bits of input 'x' must be an integer in \[1, 24\], got '0'"),
        ({"x": {"bits": 8, "signed": "yes", "lsb": 1}}, "signed of input 'x' must be true or false"),
        ({"x": {"bits": 8, "signed": True, "lsb": "-1"}}, "lsb of input 'x' must be a number > 0"),
        ({"x": {"bits": 8, "signed": True, "lsb": 1, "lbs": 2}}, "keys must be among .* got lbs"),
    ],
)
def test_grids_that_are_refused(content: object, message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        read_grids(content)


def test_files_that_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "a b.onnx"
    with pytest.raises(DataError, match="name an ONNX file"):
        load_file(path)
    path.write_bytes(b"no ONNX")
    with pytest.raises(DataError, match="must be an ONNX file"):
        load_file(path)
    outside = _conv()
    outside.graph.initializer[0].data_location = TensorProto.EXTERNAL
    outside.graph.initializer[0].ClearField("raw_data")
    entry = outside.graph.initializer[0].external_data.add()
    entry.key, entry.value = "location", "../../etc/hostname"
    path.write_bytes(outside.SerializeToString())
    with pytest.raises(DataError, match="must lie in the file's folder"):
        load_file(path)


def test_the_command(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setenv("TRITAG_RUNS", str(tmp_path / "runs"))
    path = tmp_path / "my net.onnx"
    path.write_bytes(model([WEIGHTS, node("MatMul", ["x", "wq"], "y")]).SerializeToString())
    assert tritag(["import", str(path)]) == 2
    assert "tell with --inputs" in capsys.readouterr().err
    grid = tmp_path / "grid.yaml"
    grid.write_text("x: {bits: 8, signed: true, lsb: 2**-4}\n")
    assert tritag(["import", str(path), "--inputs", str(grid), "--json"]) == 0
    made = json.loads(capsys.readouterr().out)
    assert Path(made["run"]).name.startswith("my-net-")
    assert tritag(["rtl", made["run"], "--interval", "1", "--jets", "0"]) == 0
    assert tritag(["compare", made["run"]]) == 0
    with pytest.raises(ConfigError, match="must be one of onnxruntime, qonnx, csim, emulator"):
        score(made["run"], np.zeros((2, 4), np.int64))
    given = score(made["run"], np.ones((2, 4), np.int64), executor="onnxruntime")
    assert given.integers.shape == (2, 3)
    _is_compared_with_its_import(Path(made["run"]), capsys)
    capsys.readouterr()
    assert tritag(["evaluate", made["run"]]) == 2
    assert "was made by 'tritag import'" in capsys.readouterr().err
    (Path(made["run"]) / "model.qonnx.onnx").unlink()
    assert tritag(["csim", made["run"]]) == 2
    assert "make it with 'tritag import" in capsys.readouterr().err


def test_the_advice_to_import_again_keeps_the_grids(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """It makes the same run; grids that are gone or were changed are asked for, and not advised."""
    monkeypatch.setenv("TRITAG_RUNS", str(tmp_path / "my runs"))
    path, grid = tmp_path / "net.onnx", tmp_path / "grid.yaml"
    path.write_bytes(model([WEIGHTS, node("MatMul", ["x", "wq"], "y")]).SerializeToString())
    grid.write_text("x: {bits: 8, signed: true, lsb: 2**-17, unit: [GeV], features: [a, b, c, d]}\n")
    assert tritag(["import", str(path), "--inputs", str(grid), "--name", "withgrid"]) == 0
    (run,) = (tmp_path / "my runs").iterdir()
    kept, vectors = run / "inputs.yaml", (run / "vectors.npz").read_bytes()
    (run / "vectors.npz").unlink()
    capsys.readouterr()
    assert tritag(["csim", str(run)]) == 2
    (again,) = advised(capsys.readouterr().err)
    assert again == ["import", f"{run}/original.onnx", "--inputs", str(kept), "--name", "withgrid"]
    assert tritag(again) == 0
    assert (run / "vectors.npz").read_bytes() == vectors
    assert list(run.parent.iterdir()) == [run]
    (run / "vectors.npz").unlink()
    for damaged in (kept.read_text().replace("bits: 8", "bits: 9"), "x: {", None):
        if damaged is None:
            kept.unlink()
        else:
            kept.write_text(damaged)
        capsys.readouterr()
        assert tritag(["csim", str(run)]) == 2
        told = capsys.readouterr().err
        assert advised(told) == [["import", f"{run}/original.onnx", "--name", "withgrid"]]
        assert "and the same --inputs as before" in " ".join(told.split())


def _is_compared_with_its_import(run: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A program of another importer is used by no command; of an import without a record it is said."""
    whole = (run / FILE).read_text()
    recorded = read_json_if_there(run / FILE)
    recorded["import"]["sources"]["export/importing/importer.py"] = {"text": "0" * 16, "code": "0" * 16}
    write_json(run / FILE, recorded)
    capsys.readouterr()
    for command in ("csim", "verify", "rtl", "compare"):
        assert tritag([command, str(run)]) == 2
        error = " ".join(capsys.readouterr().err.split())
        assert f"source of export/importing/importer.py changed since {run.name} was imported; put it back" in error
        assert "run 'tritag import" in error
    del recorded["import"]
    write_json(run / FILE, recorded)
    assert tritag(["compare", str(run)]) == 0
    assert "an older tritag imported it" in " ".join(capsys.readouterr().err.split())
    (run / FILE).write_text(whole)


def test_what_stock_hls4ml_misreads() -> None:
    from tests.helpers.foreign import Transformer, exported

    found = findings(exported(Transformer(), 3, 3))
    kinds = {(f.node.split()[0], f.kind) for f in found}
    assert {("MatMul", "silently wrong"), ("Softmax", "silently wrong"), ("Quant", "silently wrong")} <= kinds
    assert {("MatMul", "fails"), ("ReduceMean", "fails")} <= kinds
    assert sum(f.reason.startswith("a product of two activations") for f in found) == 2
    assert not findings(model([WEIGHTS, quant("x", "q"), node("MatMul", ["q", "wq"], "m"), node("Relu", ["m"], "y")]))


def test_check_command(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "net.onnx"
    path.write_bytes(_table().SerializeToString())
    assert tritag(["check", str(path)]) == 0
    shown = capsys.readouterr().out
    assert "an LSB off" in shown
    assert "tritag import takes it" in shown
    path.write_bytes(model([WEIGHTS, node("MatMul", ["x", "wq"], "y")]).SerializeToString())
    assert tritag(["check", str(path), "--json"]) == 1
    shown_too = capsys.readouterr()
    assert "tritag import refuses it" in shown_too.err
    found = json.loads(shown_too.out)
    assert found["stock_hls4ml"] == []
    assert "has no quantizer of its own" in found["refused"]
    assert tritag(["check", str(tmp_path / "net.txt")]) == 2
    for option in (["-K", "4"], ["--beats", "2"], ["--target", "vu13p-360mhz"], ["--set", "sizes.width=8"]):
        assert tritag(["check", str(path), *option]) == 2  # a default that is asked for is no less ignored
    assert "with a QONNX file, which has its own network, got --set" in capsys.readouterr().err


def test_malformed_nodes_are_one_error_with_the_node() -> None:
    """Inputs left out, names given twice, constants of another shape or not finite, settings that are missing."""
    original = _conv()
    for number in range(len(original.graph.node)):
        spoiled = onnx.ModelProto()
        spoiled.CopyFrom(original)
        del spoiled.graph.node[number].input[1:]
        with pytest.raises(ExportError, match=f"{spoiled.graph.node[number].op_type} '|input 'x'"):
            import_model(spoiled)
        spoiled.CopyFrom(original)
        spoiled.graph.node[number].input.extend(["q", "q", "q"] if number > 1 else ["s", "s"])
        with pytest.raises(ExportError, match="must have at most"):
            import_model(spoiled)
        spoiled.CopyFrom(original)
        spoiled.graph.node[number].output[0] = "x"
        with pytest.raises(ExportError, match=r"must be nothing else's|must come before it"):
            import_model(spoiled)
    (kernel,) = [i for i in original.graph.initializer if i.name == "k"]
    kernel.CopyFrom(numpy_helper.from_array(np.full((3, 2, 1), np.nan, np.float32), "k"))
    with pytest.raises(ExportError, match="finite"):
        import_model(original)


def test_terms_of_very_different_scales_share_a_fine_one() -> None:
    """Scales 0.1 and 0.0007 have no small ratio; the sum is rounded by far less than either term's unit."""
    scales = {"coarse": 0.10026, "fine": 0.000693738}
    constants = [numpy_helper.from_array(np.array(scale, np.float32), name) for name, scale in scales.items()]
    nodes = [quant("x", "p", scale="coarse"), quant("x", "q", scale="fine"), node("Add", ["p", "q"], "y")]
    given = model(nodes)
    given.graph.initializer.extend(constants)
    grids = read_grids({"x": {"bits": 8, "signed": True, "lsb": 0.0625}})
    (note,) = [note for note in import_model(given, grids).notes if "their sum is rounded" in note]
    assert float(re.search(r"at most ([\d.e-]+),", note)[1]) < 1e-4  # type: ignore[index]
