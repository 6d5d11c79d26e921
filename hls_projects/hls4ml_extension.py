"""tritag's ops as an hls4ml layer, registered through hls4ml's own extension points."""

from __future__ import annotations

from functools import cache
from pathlib import Path

from hls4ml.backends import get_backend
from hls4ml.backends.template import FunctionCallTemplate, LayerConfigTemplate
from hls4ml.model.layers import Layer, register_layer
from hls4ml.model.types import FixedPrecisionType, IntegerPrecisionType

from tritag.quant.formats.fixed import int_bits

# The generated functions of one project, and the fixed header they build on.
OPS_HEADER = "tritag_ops.h"
INTEGER_HEADER = Path(__file__).parent / "nnet_utils" / "tritag_integer.h"
BACKEND = "Vitis"


class TritagOp(Layer):
    """An integer program: ``tables`` become weights, so that Python and C++ read the same numbers."""

    def initialize(self) -> None:
        """Declare the output and one weight array per table."""
        signed, width, integer = self.get_attr("result_format")
        self.add_output_variable(
            list(self.get_attr("out_shape")), precision=FixedPrecisionType(width, integer, signed=signed)
        )
        for name, entries in self.get_attr("tables").items():
            low, high = int(entries.min()), int(entries.max())
            precision = IntegerPrecisionType(max(int_bits(low, high), 1), signed=low < 0)
            self.add_weights_variable(
                name, var_name=f"{name}_{{index}}", type_name=f"{name}_{{index}}_t", precision=precision, data=entries
            )


class TritagOpConfig(LayerConfigTemplate):
    """Configuration struct: how the op's rows share its hardware."""

    def __init__(self) -> None:
        super().__init__(TritagOp)

    def format(self, node: Layer) -> str:
        """C++ text of the struct."""
        settings = ("interval", "row_interval", "row_units")
        lines = [f"    static const unsigned {name} = {node.get_attr(name)};" for name in settings]
        return "\n".join([f"struct config{node.index} {{", *lines, "};", ""])


class TritagOpCall(FunctionCallTemplate):
    """Call of the op's generated function."""

    def __init__(self) -> None:
        super().__init__(TritagOp, include_header=[f"nnet_utils/{OPS_HEADER}"])

    def format(self, node: Layer) -> str:
        """C++ text of the call."""
        inputs = [node.get_input_variable(name) for name in node.inputs]
        output = node.get_output_variable()
        tables = [node.get_weights(name) for name in node.get_attr("tables")]
        types = [v.type.name for v in (*inputs, output, *tables)]
        arguments = [v.name for v in (*inputs, output, *tables)]
        return (
            f"nnet::{node.get_attr('function')}<{', '.join([*types, f'config{node.index}'])}>({', '.join(arguments)});"
        )


@cache
def register() -> None:
    """Make hls4ml know the layer; safe to call more than once."""
    register_layer("TritagOp", TritagOp)
    backend = get_backend(BACKEND)
    backend.register_template(TritagOpConfig)
    backend.register_template(TritagOpCall)
    backend.register_source(INTEGER_HEADER)
