"""The quantizers of a file: QONNX's Quant and BipolarQuant, and pairs of ONNX's QuantizeLinear and DequantizeLinear."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from onnx import NodeProto, TensorProto, helper

from tritag.errors import ExportError
from tritag.quant.requantize.exact import rationals
from tritag.quant.requantize.rounding import rounding_mode

_MAX_BITS = 24


@dataclass(frozen=True)
class Quantizer:
    """Maps a number to ``clip(round(x / scale + zero), low, high)``, which stands for ``(that - zero) * scale``.

    All arrays broadcast to the tensor's shape, batch axis included: Fractions in ``scale``, int64 in the others.
    ``bipolar`` has two levels, -1 and 1, and knows no rounding.
    """

    scale: np.ndarray
    zero: np.ndarray
    low: np.ndarray
    high: np.ndarray
    rounding: str = "HALF_EVEN"
    bipolar: bool = False

    def narrowed(self, low: int, high: int) -> Quantizer:
        """The same with a smaller range, as a Clip behind QuantizeLinear makes it."""
        return Quantizer(
            self.scale, self.zero, np.maximum(self.low, low), np.minimum(self.high, high), self.rounding, self.bipolar
        )

    def united(self, other: Quantizer) -> Quantizer:
        """The same with a range that holds the other's, too."""
        low, high = np.minimum(self.low, other.low), np.maximum(self.high, other.high)
        return Quantizer(self.scale, self.zero, low, high, self.rounding, self.bipolar)

    def codes(self, values: np.ndarray) -> np.ndarray:
        """Integers less their zero point (int64) of constants: float32 arithmetic, as every runtime does it."""
        values = values.astype(np.float32)
        if not np.all(np.isfinite(values)):
            raise ExportError("quantized constants must be finite numbers")
        if self.bipolar:
            return np.where(values >= 0, 1, -1).astype(np.int64)
        scale = self.scale.astype(np.float64).astype(np.float32)
        with np.errstate(all="ignore"):
            scaled = values / scale + self.zero.astype(np.float32)
        clipped = np.minimum(np.maximum(scaled, self.low), self.high).astype(np.float64)
        return _ROUNDED[self.rounding](clipped).astype(np.int64) - self.zero


def _half_up(x: np.ndarray) -> np.ndarray:
    return np.sign(x) * np.floor(np.abs(x) + 0.5)


def _half_down(x: np.ndarray) -> np.ndarray:
    return np.sign(x) * np.ceil(np.abs(x) - 0.5)


_ROUNDED: dict[str, Callable[[np.ndarray], np.ndarray]] = {
    "HALF_EVEN": np.rint,
    "HALF_UP": _half_up,
    "HALF_DOWN": _half_down,
    "FLOOR": np.floor,
    "CEIL": np.ceil,
    "UP": lambda x: np.sign(x) * np.ceil(np.abs(x)),
    "DOWN": np.fix,
}


def quant_node(node: NodeProto, constants: list[np.ndarray | None]) -> Quantizer:
    """The quantizer of a Quant, IntQuant or BipolarQuant node, of the constants behind its first input.

    Raises
    ------
    ExportError
        Its scale, zero point or bits follow from data, or have no integer meaning.
    """
    name = f"{node.op_type} {node.name or node.output[0]!r}"
    if any(c is None for c in constants):
        raise ExportError(
            f"{name}: scale, zero point and bits must be constants; dynamic quantization has no integer form"
        )
    given = [np.asarray(c) for c in constants]
    attributes = {a.name: helper.get_attribute_value(a) for a in node.attribute}
    scale = _scale(given[0], name)
    if node.op_type == "BipolarQuant":
        one = np.ones(1, np.int64)
        return Quantizer(scale, 0 * one, -one, one, bipolar=True)
    zero, bits = whole(given[1], f"{name}: zero point"), whole(given[2], f"{name}: bits")
    if missing := [name for name in ("signed", "narrow") if name not in attributes]:
        raise ExportError(f"{name}: it must say {' and '.join(missing)}")
    signed, narrow = bool(attributes["signed"]), bool(attributes["narrow"])
    if bits.min() < 1 or bits.max() > _MAX_BITS:
        raise ExportError(f"{name}: bits must lie in [1, {_MAX_BITS}], got {bits.min()} to {bits.max()}")
    mode = attributes.get("rounding_mode", b"ROUND")
    rounding = rounding_mode(mode.decode(errors="replace") if isinstance(mode, bytes) else str(mode), name)
    if signed and bits.max() == 1:
        # QONNX reads a signed bit as two levels.
        if np.any(zero):
            raise ExportError(f"{name}: a signed bit must have zero point 0, got {zero.ravel()[0]}")
        return Quantizer(scale, zero, -np.ones_like(bits), np.ones_like(bits), bipolar=True)
    if signed:
        low, high = -(1 << (bits - 1)) + narrow, (1 << (bits - 1)) - 1
    else:
        low, high = np.zeros_like(bits), (1 << bits) - 1 - narrow
    return Quantizer(scale, zero, low, high, rounding)


def linear_node(node: NodeProto, scale: Any, zero: np.ndarray | None, shape: tuple[int, ...]) -> Quantizer:
    """The quantizer of a QuantizeLinear or DequantizeLinear node.

    The type of the zero point gives the range; without one it is 0 of the type that ``output_dtype`` names (opset 21),
    else of uint8.

    Raises
    ------
    ExportError
        A dynamic or blockwise scale, a type that is no integer's, or two types.
    """
    name = f"{node.op_type} {node.name or node.output[0]!r}"
    settings = {a.name: a.i for a in node.attribute if a.name in ("output_dtype", "block_size", "axis")}
    if settings.get("block_size"):
        raise ExportError(f"{name}: one scale, or one a channel, must be given, got blocks of {settings['block_size']}")
    told = settings.get("output_dtype", 0) if node.op_type == "QuantizeLinear" else 0
    if told and told not in TensorProto.DataType.values():
        raise ExportError(f"{name}: output_dtype must be a type of ONNX, got {told}")
    kind = np.dtype(np.uint8) if not told else np.dtype(helper.tensor_dtype_to_np_dtype(told))
    zero = np.zeros((), kind) if zero is None else zero
    if told and kind != zero.dtype:
        raise ExportError(f"{name}: the zero point must have the type of output_dtype, {kind}, got {zero.dtype}")
    if scale is None:
        raise ExportError(f"{name}: the scale must be constant; dynamic quantization has no integer form")
    if not np.issubdtype(zero.dtype, np.integer):
        raise ExportError(f"{name}: the type must be an integer's, got {zero.dtype}")
    info = np.iinfo(zero.dtype)
    low, high = max(info.min, -(1 << _MAX_BITS)), min(info.max, 1 << _MAX_BITS)
    axis = settings.get("axis", 1)
    factors = _scale(np.asarray(scale), name)
    zeros = zero.astype(np.int64)
    if factors.size > 1:
        form = [1] * len(shape)
        form[axis] = factors.size
        factors = factors.reshape(form)
        zeros = zeros.reshape(form) if zeros.size > 1 else zeros
    return Quantizer(factors, zeros, np.array([low]), np.array([high]))


def _scale(values: np.ndarray, name: str) -> np.ndarray:
    if not np.all(np.isfinite(values)) or not np.all(values > 0):
        raise ExportError(f"{name}: scales must be finite and > 0, got {np.ravel(values)[:4].tolist()}")
    return rationals(values)


def whole(values: np.ndarray, what: str) -> np.ndarray:
    """Integers (int64) of numbers that must be whole."""
    if not np.all(np.isfinite(values)) or np.any(values != np.rint(values)):
        raise ExportError(f"{what} must be whole, got {np.ravel(values)[:4].tolist()}")
    return np.asarray(values).astype(np.int64)
