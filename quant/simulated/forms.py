"""What a simulated recipe does to each kind of layer.

A simulated form is a function that carries :func:`simulates`. It quantizes a float layer in place, so that names of
layers and of biases stay: the recipe's ``low_bit_layers`` choose by name, and names exist only when the network stands.
A kind without a form stays as it is.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, TypeVar

from torch import nn
from torch.nn.utils import parametrize

from tritag.models.layers.attention import Attention
from tritag.models.layers.frame_vectors import ChannelLinear, FrameLinear, PairLinear
from tritag.models.layers.linear import Linear
from tritag.models.layers.minkowski import VectorLinear
from tritag.quant.config import QuantConfig
from tritag.quant.forms import Forms
from tritag.quant.simulated.quantizers import (
    AbsMaxWeight,
    AsymmetricWeight,
    Bfloat16,
    DynamicInput,
    PerTokenInput,
)
from tritag.quant.weights.asymmetric import StaticInput
from tritag.quant.weights.low_bit_weights import LowBitWeights

Layer = TypeVar("Layer", bound=nn.Module)
# Recipe, layer, and whether low_bit_layers choose it (None: they are empty).
SimulatedForm = Callable[[QuantConfig, Layer, bool | None], None]
# Axis of the jets in a layer's input, and the axes of a token's channels.
Axes = tuple[int, tuple[int, ...]]
_CHANNELS_LAST: Axes = (0, (-1,))
_CHANNELS_FIRST: Axes = (1, (0,))
_PAIRS: Axes = (0, (1, 2))

_SIMULATED = Forms("simulated")


def simulates(kind: type[Layer]) -> Callable[[SimulatedForm[Layer]], SimulatedForm[Layer]]:
    """Decorator of the function that quantizes a layer of ``kind`` in place.

    The function takes the recipe, the layer, and whether the recipe's ``low_bit_layers`` choose the layer: None when
    the recipe leaves the choice to the layers.
    """

    def decorate(form: SimulatedForm[Layer]) -> SimulatedForm[Layer]:
        return _SIMULATED.register(kind, form)

    return decorate


def simulated_form(kind: Any) -> Callable[..., None] | None:
    """The function that quantizes layers of ``kind`` in place; None where they stay as they are."""
    return _SIMULATED.find(kind)


def simulate(recipe: QuantConfig, layer: nn.Module, chosen: bool | None) -> None:
    """Quantize a layer in place, if its kind has a simulated form."""
    form = _SIMULATED.find(type(layer))
    if form is not None:
        form(recipe, layer, chosen)


@simulates(Linear)
def simulated_linear(recipe: QuantConfig, layer: Linear, chosen: bool | None) -> None:
    """Chosen layers, by default the hidden ones, have quantized inputs and weights; bfloat16 rounds all."""
    low_bits = layer.role == "hidden" if chosen is None else chosen
    if low_bits or recipe.activations == "bfloat16":
        quantize_linear(recipe, layer, low_bits, [_CHANNELS_LAST])


@simulates(FrameLinear)
def simulated_frame_linear(recipe: QuantConfig, layer: FrameLinear, chosen: bool | None) -> None:
    """Linear layers of Frames-Nets are int8 unless they are chosen."""
    quantize_linear(recipe, layer, bool(chosen), [_CHANNELS_LAST])


@simulates(VectorLinear)
def simulated_vector_linear(recipe: QuantConfig, layer: VectorLinear, chosen: bool | None) -> None:
    """Linear maps of vectors are int8 always."""
    quantize_linear(recipe, layer, False, [_CHANNELS_LAST])


@simulates(ChannelLinear)
def simulated_channel_linear(recipe: QuantConfig, layer: ChannelLinear, chosen: bool | None) -> None:
    """Linear layers on pairs are int8 always; their inputs have the channels first."""
    quantize_linear(recipe, layer, False, [_CHANNELS_FIRST])


@simulates(PairLinear)
def simulated_pair_linear(recipe: QuantConfig, layer: PairLinear, chosen: bool | None) -> None:
    """The first layer on pairs is int8 always; the pair feature has no channels, the scalars have them last."""
    quantize_linear(recipe, layer, False, [_PAIRS, _CHANNELS_LAST][: 2 if layer.n_scalars else 1])


@simulates(Attention)
def simulated_attention(recipe: QuantConfig, layer: Attention, chosen: bool | None) -> None:
    """The products of queries, keys and values stay in float32, except that bfloat16 rounds their factors."""
    if recipe.activations == "bfloat16":
        quantize_inputs(layer, [Bfloat16(), Bfloat16(), Bfloat16()])


def quantize_linear(recipe: QuantConfig, layer: nn.Linear, low_bits: bool, inputs: Sequence[Axes]) -> None:
    """Quantize weights and first inputs of a linear layer in place.

    Parameters
    ----------
    recipe : QuantConfig
    layer : nn.Linear
    low_bits : bool
        The weights are those of the recipe and not int8.
    inputs : sequence of Axes
        For each input that is quantized: the axis that counts the jets, and the axes of a token's channels.
    """
    parametrize.register_parametrization(layer, "weight", _weight_quantizer(recipe, low_bits))
    quantize_inputs(layer, [_input_quantizer(recipe, jets, channels) for jets, channels in inputs])


def quantize_inputs(layer: nn.Module, quantizers: Sequence[nn.Module]) -> None:
    """Quantize the first inputs of a layer in place, one quantizer each."""
    layer.input_quantizers = nn.ModuleList(quantizers)
    layer.register_forward_pre_hook(_apply)


def _apply(layer: nn.Module, given: tuple[Any, ...]) -> tuple[Any, ...]:
    quantizers: Any = layer.input_quantizers
    return (*(q(x) for q, x in zip(quantizers, given, strict=False)), *given[len(quantizers) :])


def _weight_quantizer(recipe: QuantConfig, low_bits: bool) -> nn.Module:
    if recipe.activations == "bfloat16":
        return Bfloat16()
    if low_bits and recipe.weights in ("ternary", "binary"):
        return LowBitWeights(recipe, power_of_two=False)
    return AbsMaxWeight() if recipe.activations == "per-token" else AsymmetricWeight()


def _input_quantizer(recipe: QuantConfig, batch_axis: int, channel_axes: tuple[int, ...]) -> nn.Module:
    if recipe.activations == "bfloat16":
        return Bfloat16()
    if recipe.activations == "per-token":
        return PerTokenInput(channel_axes)
    return DynamicInput(batch_axis) if recipe.activations == "asymmetric-dynamic" else StaticInput(recipe)
