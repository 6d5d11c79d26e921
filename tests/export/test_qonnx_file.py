"""The exported file: names, metadata, constants, and that other tools run it unchanged."""

from __future__ import annotations

import json
import re

import numpy as np
import onnx
import onnxruntime
import torch
from onnx import numpy_helper

from tests.helpers.jets import crafted_jets, random_jets
from tests.helpers.taggers import TINY, calibrated_tagger
from tritag.export.executors import register_ops
from tritag.export.functions import OPSET, op_function
from tritag.export.graph import CutTo, Linear, Op, Product, Sum, read_graph
from tritag.export.model_file import write_model
from tritag.export.qonnx_file import (
    IR_VERSION,
    METADATA_INPUTS,
    METADATA_MODULES,
    METADATA_PROGRAMS,
    export_model,
)
from tritag.export.quant_node import QUANT_DOMAIN
from tritag.quant.integer.program import Program
from tritag.quant.ops.op import ONNX_DOMAIN

K = 4
# Words that would be taken for something else in C++.
RESERVED = {"int", "for", "class", "template", "double", "float", "auto", "new", "and", "or", "not", "xor"}


def metadata(model: onnx.ModelProto, key: str) -> dict:
    """A JSON entry of the metadata."""
    return json.loads(next(p.value for p in model.metadata_props if p.key == key))


def plain_run(data: bytes, codes: np.ndarray, count: np.ndarray) -> np.ndarray:
    """Logits by ONNX Runtime with its default settings, as any user would run the file."""
    session = onnxruntime.InferenceSession(data, providers=["CPUExecutionProvider"])
    names = [x.name for x in session.get_inputs()]
    return session.run(
        None, dict(zip(names, (codes.astype(np.float32), count.astype(np.float32)[:, None]), strict=True))
    )[0]


def all_jets(rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """Random and crafted jets."""
    (a, n), (b, m) = random_jets(rng, 200, K), crafted_jets(rng, K)
    return np.concatenate([a, b]), np.concatenate([n, m])


class TestNames:
    def test_unique_and_fit_for_c(self, exported):
        graph = exported.model.graph
        names = [x.name for x in (*graph.input, *graph.initializer)]
        names += [name for node in graph.node for name in node.output]
        assert len(set(names)) == len(names)
        for name in names:
            assert re.fullmatch(r"[A-Za-z]\w*", name, re.ASCII), name
            assert name not in RESERVED
        nodes = [node.name for node in graph.node]
        assert len(set(nodes)) == len(nodes)

    def test_follow_the_modules(self, exported):
        names = {node.name for node in exported.model.graph.node}
        assert {"embed_cut", "blocks_0_query_add", "blocks_0_gelu", "pool_mean_pool", "head_add"} <= names
        weights = {x.name for x in exported.model.graph.initializer}
        assert {"embed_weight", "blocks_0_contract_bias", "head_weight", "blocks_0_gelu_gelu"} <= weights

    def test_tensors_of_modules(self, exported):
        modules = metadata(exported.model, METADATA_MODULES)
        assert modules["embed.cut"] == "embed_cut"
        assert modules["blocks.0.attention"].startswith("blocks_0_attention_reshape")
        made = {name for node in exported.model.graph.node for name in node.output}
        assert set(modules.values()) <= made

    def test_do_not_depend_on_the_run(self, exported):
        again = export_model(exported.tagger)
        assert [n.name for n in again.graph.node] == [n.name for n in exported.model.graph.node]
        assert again.SerializeToString(deterministic=True) == exported.model.SerializeToString(deterministic=True)


class TestFile:
    def test_versions(self, exported):
        model = exported.model
        assert model.ir_version == IR_VERSION
        assert {o.domain: o.version for o in model.opset_import} == {"": OPSET, ONNX_DOMAIN: 1, QUANT_DOMAIN: 2}
        assert model.producer_name == "tritag"
        onnx.checker.check_model(model, full_check=False)

    def test_inputs_and_outputs(self, exported):
        graph = exported.model.graph

        def shape(value: onnx.ValueInfoProto) -> list[object]:
            return [d.dim_param or d.dim_value for d in value.type.tensor_type.shape.dim]

        assert {x.name: shape(x) for x in graph.input} == {"codes": ["batch", K, 3], "count": ["batch", 1]}
        assert {x.name: shape(x) for x in graph.output} == {"logit": ["batch", 1, 1]}

    def test_bodies_of_all_nodes_are_inside(self, exported):
        bodies = {(f.domain, f.name) for f in exported.model.functions}
        used = {(n.domain, n.op_type) for n in exported.model.graph.node if n.domain}
        assert used == bodies
        standard = {n.domain for f in exported.model.functions for n in f.node}
        assert standard <= {"", "ai.onnx"}

    def test_every_tensor_has_a_shape(self, exported):
        graph = exported.model.graph
        known = {x.name for x in (*graph.value_info, *graph.output)}
        assert {name for node in graph.node for name in node.output} <= known

    def test_weights_are_those_of_the_tagger(self, exported):
        arrays = {x.name: numpy_helper.to_array(x) for x in exported.model.graph.initializer}
        for name, parameter in exported.tagger.tagger.named_parameters():
            np.testing.assert_array_equal(arrays[name.replace(".", "_")], parameter.detach().numpy())


class TestMetadata:
    def test_programs_round_trip(self, exported):
        entries = metadata(exported.model, METADATA_PROGRAMS)
        graph = exported.graph
        ops = [layer for layer in graph.layers if isinstance(layer, Op)]
        assert {layer.bound.op_type for layer in ops} == set(entries)
        for layer in ops:
            program = layer.bound.program
            assert Program.from_json(program.to_json()) == program
            assert Program.from_json(json.dumps(entries[layer.bound.op_type]["program"]), program.tables) == program

    def test_bodies_are_written_from_the_programs(self, exported):
        bodies = {f.name: f for f in exported.model.functions if f.domain == ONNX_DOMAIN}
        for layer in exported.graph.layers:
            if isinstance(layer, Op):
                assert bodies[layer.bound.op_type] == op_function(layer.bound)

    def test_input_grids(self, exported):
        assert metadata(exported.model, METADATA_INPUTS) == {"codes": [-2048, 16383, 0], "count": [0, K, 0]}


class TestGraph:
    def test_layers(self, exported):
        kinds = [type(layer).__name__ for layer in exported.graph.layers]
        assert {kind: kinds.count(kind) for kind in ("Linear", "CutTo", "Product", "Sum", "Op")} == {
            "Linear": 8,
            "CutTo": 7,
            "Product": 2,
            "Sum": 2,
            "Op": 8,
        }

    def test_integers_are_those_of_the_tagger(self, exported):
        layers = {layer.name: layer for layer in exported.graph.layers}
        tagger = exported.tagger.tagger
        for name, module in (
            ("embed_add", tagger.embed),
            ("head_add", tagger.head),
            ("blocks_0_key_add", tagger.blocks[0].key),
        ):
            layer = layers[name]
            assert isinstance(layer, Linear)
            weight, weight_fraction, bias, bias_fraction = module.integers()
            np.testing.assert_array_equal(layer.weight, weight.T)
            np.testing.assert_array_equal(layer.bias, bias)
            assert (layer.weight_fraction, layer.bias_fraction) == (weight_fraction, bias_fraction)
        cut = layers["blocks_0_gelu"]
        assert exported.graph.grids[cut.name].fraction == tagger.blocks[0].gelu.cut.grid.fraction

    def test_grids_hold_what_the_tagger_knows(self, exported, rng):
        """The grids that the reader derives from the file are those of the tagger's tensors."""
        modules = metadata(exported.model, METADATA_MODULES)
        codes, count = all_jets(rng)
        checked = 0

        def compare(name: str) -> object:
            def hook(module: object, arguments: object, output: object) -> None:
                nonlocal checked
                assert output.grid == exported.graph.grids[name], name
                checked += 1

            return hook

        named = exported.tagger.tagger.named_modules()
        handles = [m.register_forward_hook(compare(modules[p])) for p, m in named if p in modules and hasattr(m, "cut")]
        with torch.no_grad():
            exported.tagger(torch.from_numpy(codes), torch.from_numpy(count)[:, None])
        for handle in handles:
            handle.remove()
        assert checked == 11  # eight linear layers, gelu, two residual sums

    def test_summary_is_json(self, exported):
        summary = json.loads(json.dumps(exported.graph.summary()))
        assert len(summary["layers"]) == len(exported.graph.layers)
        assert summary["ports"]["codes"] == {"shape": [K, 3], "type": "ap_fixed<15,15,AP_RND_CONV,AP_SAT>"}
        assert summary["layers"][-1]["name"] == "logit"
        assert [e["op"] for e in summary["layers"] if "op" in e][:2] == ["jet_scalars", "layer_norm"]

    def test_from_disk(self, exported, tmp_path):
        path = tmp_path / "model.qonnx.onnx"
        write_model(path, exported.model)
        assert read_graph(path).summary() == exported.graph.summary()
        assert read_graph(str(path)).summary() == exported.graph.summary()

    def test_products_and_sums(self, exported):
        products = [layer for layer in exported.graph.layers if isinstance(layer, Product)]
        assert [(p.equation, p.terms) for p in products] == [("nhd,mhd->nhm", 2), ("nhm,mhd->nhd", K)]
        sums = [layer for layer in exported.graph.layers if isinstance(layer, Sum)]
        assert [s.sources for s in sums] == [
            ("embed_cut", "blocks_0_project_add"),
            ("blocks_0_add_attention_cut", "blocks_0_contract_add"),
        ]
        cuts = {layer.name: layer for layer in exported.graph.layers if isinstance(layer, CutTo)}
        assert cuts["embed_cut"].type.width == 12


class TestOtherTools:
    def expected(self, exported: object, codes: np.ndarray, count: np.ndarray) -> np.ndarray:
        with torch.no_grad():
            return exported.tagger(torch.from_numpy(codes), torch.from_numpy(count)[:, None]).numpy()

    def test_plain_onnx_runtime(self, exported, rng):
        codes, count = all_jets(rng)
        given = plain_run(exported.model.SerializeToString(), codes, count)
        np.testing.assert_array_equal(given, self.expected(exported, codes, count))

    def test_plain_onnx_runtime_after_cleanup(self, exported, rng):
        from qonnx.core.modelwrapper import ModelWrapper
        from qonnx.util.cleanup import cleanup_model

        copy = onnx.ModelProto()
        copy.CopyFrom(exported.model)
        register_ops(copy)
        cleaned = cleanup_model(ModelWrapper(copy)).model
        codes, count = all_jets(rng)
        given = plain_run(cleaned.SerializeToString(), codes, count)
        np.testing.assert_array_equal(given, self.expected(exported, codes, count))

    def test_reference_evaluator(self, exported, rng):
        from onnx.reference import ReferenceEvaluator

        codes, count = random_jets(rng, 20, K)
        feeds = {"codes": codes.astype(np.float32), "count": count.astype(np.float32)[:, None]}
        given = ReferenceEvaluator(exported.model).run(None, feeds)[0]
        np.testing.assert_array_equal(given, self.expected(exported, codes, count))


def test_equal_ops_share_a_body():
    """Both norms have the same program and the same table; their ranges may differ otherwise."""
    tagger = calibrated_tagger(3, "int8", {**TINY, "blocks": 2})
    model = export_model(tagger)
    norms = [n.op_type for n in model.graph.node if n.op_type.startswith("layer_norm")]
    bodies = [f.name for f in model.functions if f.name.startswith("layer_norm")]
    assert len(norms) == 4
    assert sorted(set(norms)) == sorted(bodies)
