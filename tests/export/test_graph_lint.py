"""The graph lint: everything without an exact meaning in firmware is refused, by name and with what is accepted."""

from __future__ import annotations

import json
from collections.abc import Callable

import numpy as np
import onnx
import pytest
from onnx import ModelProto, NodeProto, helper, numpy_helper

from tritag.errors import ExportError
from tritag.export.graph import read_graph
from tritag.export.qonnx_file import METADATA_INPUTS, METADATA_OUTPUTS, METADATA_PROGRAMS

Spoil = Callable[[ModelProto], None]


def node_of(model: ModelProto, name: str) -> NodeProto:
    """Node by name."""
    return next(node for node in model.graph.node if node.name == name)


def op_of(model: ModelProto, name: str) -> NodeProto:
    """First node of an op."""
    return next(node for node in model.graph.node if node.op_type.startswith(name))


def table_of(model: ModelProto, node: NodeProto, table: str) -> onnx.TensorProto:
    """Constant that holds a table of an op node."""
    name = next(x for x in node.input if x.endswith(table))
    return next(x for x in model.graph.initializer if x.name == name)


def set_array(tensor: onnx.TensorProto, array: np.ndarray) -> None:
    """Replace the contents of a constant."""
    tensor.CopyFrom(numpy_helper.from_array(array, tensor.name))


def add_constant(model: ModelProto, name: str, value: object) -> str:
    """Add a float32 constant."""
    model.graph.initializer.append(numpy_helper.from_array(np.array(value, dtype=np.float32), name))
    return name


def set_attribute(node: NodeProto, name: str, value: object) -> None:
    """Change an attribute of a node."""
    kept = [a for a in node.attribute if a.name != name]
    del node.attribute[:]
    node.attribute.extend([*kept, helper.make_attribute(name, value)])


def insert_before(model: ModelProto, user: str, position: int, op: str, *more: str, **attributes: object) -> None:
    """Put a node between an input of the node ``user`` and what makes it."""
    target = node_of(model, user)
    source = target.input[position]
    new = helper.make_node(op, [source, *more], [f"{op.lower()}_out"], name=f"new_{op.lower()}", **attributes)
    index = list(model.graph.node).index(target)
    target.input[position] = new.output[0]
    model.graph.node.insert(index, new)
    known = [x for x in (*model.graph.value_info, *model.graph.input) if x.name == source]
    if known:
        info = model.graph.value_info.add()
        info.CopyFrom(known[0])
        info.name = new.output[0]


def edit_metadata(model: ModelProto, key: str, edit: Callable[[dict], None]) -> None:
    """Change a JSON entry of the metadata."""
    entry = next(p for p in model.metadata_props if p.key == key)
    content = json.loads(entry.value)
    edit(content)
    entry.value = json.dumps(content)


def check_refused(model: ModelProto, message: str) -> None:
    """The reader must raise ExportError with that message."""
    with pytest.raises(ExportError, match=message):
        read_graph(model)


def test_the_unspoilt_file_is_accepted(model):
    graph = read_graph(model)
    assert (graph.outputs, graph.output_names, graph.n_outputs) == (["logit"], ("logit",), 1)


def test_files_without_names_of_outputs_have_a_logit(model):
    kept = [p for p in model.metadata_props if p.key != METADATA_OUTPUTS]
    del model.metadata_props[:]
    model.metadata_props.extend(kept)
    assert read_graph(model).output_names == ("logit",)


def test_every_output_must_have_a_name(model):
    edit_metadata(model, METADATA_OUTPUTS, lambda names: names.append("pt"))
    check_refused(model, r"one output tensor of 2 numbers \(logit, pt\), got \['logit'\] with 1")


@pytest.mark.parametrize("op", ["Softmax", "Relu", "Sigmoid", "Exp", "Sqrt", "Neg", "Identity"])
def test_unknown_node(model, op):
    insert_before(model, "blocks_0_expand_cut", 0, op)
    check_refused(model, rf"graph lint: {op} 'new_{op.lower()}' must have or be one of: MatMul by constant weights")


def test_node_of_another_domain_under_a_known_name(model):
    node_of(model, "blocks_0_expand_cut").domain = "com.example"
    check_refused(model, r"graph lint: Quant 'blocks_0_expand_cut' must have or be one of: .* op of domain tritag\.ops")


class TestCuts:
    @pytest.mark.parametrize("scale", [0.3, 3.0, 1.0000001])
    def test_scale_that_is_no_power_of_two(self, model, scale):
        node_of(model, "blocks_0_query_cut").input[1] = add_constant(model, "odd", scale)
        check_refused(
            model, r"graph lint: Quant 'blocks_0_query_cut' must have or be a power-of-two scale, got [013]\."
        )

    def test_zero_point(self, model):
        node_of(model, "blocks_0_query_cut").input[2] = add_constant(model, "three", 3.0)
        check_refused(model, r"graph lint: Quant 'blocks_0_query_cut' must have or be zero point 0, got 3\.0")

    @pytest.mark.parametrize("mode", ["FLOOR", "CEIL", "TRUNC", "UP"])
    def test_rounding(self, model, mode):
        set_attribute(node_of(model, "embed_cut"), "rounding_mode", mode)
        check_refused(model, rf"Quant 'embed_cut' must have or be rounding half to even, got {mode}")

    def test_narrow_range(self, model):
        set_attribute(node_of(model, "embed_cut"), "narrow", 1)
        check_refused(model, r"Quant 'embed_cut' must have or be the full range of codes of a whole number of bits")

    def test_fractional_bits(self, model):
        node_of(model, "embed_cut").input[3] = add_constant(model, "bits", 7.5)
        check_refused(model, r"Quant 'embed_cut' must have or be the full range of codes of a whole number of bits")


class TestLinear:
    def test_weight_scale_that_is_no_power_of_two(self, model):
        node_of(model, "embed_weight_quant").input[1] = add_constant(model, "odd", 0.3)
        check_refused(model, r"graph lint: MatMul 'embed_matmul' must have or be a power-of-two scale, got 0\.3")

    @pytest.mark.parametrize("tensor", ["embed_weight_quant", "embed_bias_quant"])
    def test_zero_point(self, model, tensor):
        node_of(model, tensor).input[2] = add_constant(model, "one", 1.0)
        check_refused(model, rf"graph lint: Quant '{tensor}' must have or be zero point 0, got 1\.0")

    def test_rounding_of_weights(self, model):
        set_attribute(node_of(model, "embed_weight_quant"), "rounding_mode", "FLOOR")
        check_refused(model, r"Quant 'embed_weight_quant' must have or be rounding half to even, got FLOOR")

    def test_weights_that_are_not_quantized(self, model):
        transpose = node_of(model, "embed_transpose")
        transpose.input[0] = "embed_weight"
        check_refused(model, r"graph lint: MatMul 'embed_matmul' must have or be quantized weights and bias")

    def test_weights_that_leave_their_grid(self, model):
        insert_before(model, "embed_matmul", 1, "Mul", add_constant(model, "third", 0.3))
        check_refused(model, r"MatMul 'embed_matmul' must have or be constants that are multiples of 2\*\*-\d+")

    def test_missing_bias(self, model):
        cut = node_of(model, "blocks_0_query_cut")
        cut.input[0] = "blocks_0_query_matmul"
        model.graph.node.remove(node_of(model, "blocks_0_query_add"))
        check_refused(
            model, r"MatMul 'blocks_0_query_matmul' must have or be to be followed by the addition of its bias"
        )

    def test_bias_that_is_an_activation(self, model):
        add = node_of(model, "blocks_0_query_add")
        add.input[:] = ["blocks_0_query_matmul", "embed_cut"]
        check_refused(model, r"graph lint: Add 'blocks_0_query_add' must have or be a constant bias")

    def test_product_with_two_readers(self, model):
        node_of(model, "blocks_0_key_cut").input[0] = "blocks_0_query_matmul"
        check_refused(
            model, r"MatMul 'blocks_0_query_matmul' must have or be to be followed by the addition of its bias"
        )

    def test_weights_on_the_left(self, model):
        node = node_of(model, "blocks_0_query_matmul")
        node.input[:] = ["blocks_0_query_transpose", "blocks_0_norm_attention_layer_norm"]
        check_refused(model, r"graph lint: MatMul 'blocks_0_query_matmul' must have or be one of: MatMul by constant")

    def test_product_of_two_activations(self, model):
        node = node_of(model, "blocks_0_query_matmul")
        node.input[1] = "blocks_0_norm_attention_layer_norm"
        check_refused(model, r"graph lint: MatMul 'blocks_0_query_matmul' must have or be one of: MatMul by constant")

    def test_accumulator_beyond_float32(self, model):
        node_of(model, "embed_weight_quant").input[3] = add_constant(model, "wide", 24.0)
        node_of(model, "embed_weight_quant").input[1] = add_constant(model, "fine", 2.0**-20)
        check_refused(model, r"graph lint: embed_add: integers must fit 24 bits to be exact in float32, got 3\d bits")


def test_terms_of_different_shape(model):
    add = node_of(model, "blocks_0_add_attention_add")
    add.input[1] = "scalars_jet_scalars"
    check_refused(
        model, r"Add 'blocks_0_add_attention_add' must have or be both terms to have one shape, got \(4, 4\), \(4, 7\)"
    )


@pytest.mark.parametrize(
    ("first", "axis"),
    [("embed_cut", 2), ("blocks_0_norm_attention_layer_norm", 1)],
    ids=["other axis", "other LSB"],
)
def test_concatenation(model, first, axis):
    insert_before(model, "blocks_0_norm_mlp_layer_norm", 0, "Concat", first, axis=axis)
    check_refused(model, r"graph lint: Concat 'new_concat' must have or be along axis 1, of two tensors with one LSB")


class TestOps:
    def test_table_entry_outside_of_its_interval(self, model):
        table = table_of(model, op_of(model, "layer_norm"), "rsqrt_8_12")
        entries = numpy_helper.to_array(table).copy()
        entries[7] = entries.max() + 1
        set_array(table, entries)
        check_refused(
            model,
            r"tensor blocks_0_norm_attention_layer_norm: its program layer_norm must carry the intervals that follow "
            r"from its inputs: instruction \d+ \(lookup\) must be \[2049, 4093\] .* got \[2049, 4092\]",
        )

    def test_table_that_is_too_short(self, model):
        table = table_of(model, op_of(model, "mean_pool"), "inverse_count")
        set_array(table, numpy_helper.to_array(table)[:-1])
        check_refused(model, r"mean_pool_\w+ 'pool_mean_pool' must have or be 5 entries in table inverse_count, got 4")

    def test_input_that_is_constant(self, model):
        node = op_of(model, "mean_pool")
        node.input[1] = add_constant(model, "two", [[[2.0]]])
        check_refused(model, r"must have or be 2 inputs that are not constant and 1 tables")

    def test_missing_table(self, model):
        node = op_of(model, "mean_pool")
        del node.input[2]
        check_refused(model, r"must have or be 2 inputs that are not constant and 1 tables")

    @pytest.mark.parametrize("grid", [[-(2**20), 2**20, 0], [0, 16383, 0], [-2048, 16383, 1]])
    def test_another_domain_of_the_trigger(self, model, grid):
        edit_metadata(model, METADATA_INPUTS, lambda grids: grids.update(codes=grid))
        check_refused(
            model, r"graph lint: input codes must lie in \[-2048, 16383\] at 2\*\*-0, as the trigger gives it"
        )

    def test_another_largest_count(self, model):
        edit_metadata(model, METADATA_INPUTS, lambda grids: grids.update(count=[0, 3, 0]))
        check_refused(model, r"graph lint: input count must lie in \[0, 4\] at 2\*\*-0, as the trigger gives it, got")

    def test_input_beyond_the_proven_interval(self, model):
        node_of(model, "embed_cut").input[3] = add_constant(model, "wide", 13.0)
        check_refused(
            model, r"layer_norm must take embed_cut in \[-4096, 4095\] .* which is proven for it, got \[-2048, 2047\]"
        )

    def test_input_with_another_lsb(self, model):
        node_of(model, "embed_cut").input[1] = add_constant(model, "coarse", 2.0**-3)
        check_refused(
            model,
            r"layer_norm must take embed_cut in \[-2048, 2047\] at 2\*\*-3, which is proven for it, got \[-2048, 2",
        )

    def test_op_without_a_program(self, model):
        edit_metadata(model, METADATA_PROGRAMS, lambda programs: programs.pop(op_of(model, "gelu").op_type))
        check_refused(model, r"gelu_\w+ 'blocks_0_gelu' must have or be its integer program in the file's metadata")

    @pytest.mark.parametrize("name", ["gelu", "Quant"])
    def test_body_that_is_not_the_program(self, model, name):
        body = next(f for f in model.functions if f.name.startswith(name))
        next(n for n in body.node if n.op_type == "Mul").op_type = "Add"
        check_refused(model, r"must have or be a function whose body is that of its integer program; export the run")

    def test_op_without_a_body(self, model):
        body = next(f for f in model.functions if f.name.startswith("gelu"))
        model.functions.remove(body)
        check_refused(model, r"gelu_\w+ 'blocks_0_gelu' must have or be a function whose body is that of its")

    def test_program_of_another_format_version(self, model):
        name = op_of(model, "gelu").op_type
        edit_metadata(model, METADATA_PROGRAMS, lambda programs: programs[name]["program"].update(format=99))
        check_refused(model, r"integer program format must be 1, got 99; export the run again")


@pytest.mark.parametrize("key", [METADATA_PROGRAMS, METADATA_INPUTS])
def test_file_of_another_tool(model, key):
    model.metadata_props.remove(next(p for p in model.metadata_props if p.key == key))
    check_refused(model, r"the file must have been written by `tritag export`: it carries no integer programs")
