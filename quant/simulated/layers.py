"""Studies: any float tagger with fake-quantized linear layers, to compare recipes that have no exact form.

Hidden layers and Frames-Nets get quantized inputs and weights; Frames-Nets are int8 always. Input and output layers,
attention products, norms, frames and the way between frames stay in float32 (tagger-quantization paper, Sec. 3.1).
bfloat16 rounds inputs and weights of all linear layers and the attention's queries, keys and values.
"""

from __future__ import annotations

from typing import Any

from torch import Tensor, nn
from torch.nn.utils import parametrize

from tritag.errors import ExportError
from tritag.models.layers.frame_vectors import ChannelLinear, PairLinear
from tritag.models.layers.layers import Attention, FloatLayers, Role, Tagger
from tritag.models.nets.registry import TaggerConfig, make_tagger
from tritag.quant.config import QuantConfig
from tritag.quant.simulated.quantizers import (
    AbsMaxWeight,
    AsymmetricWeight,
    Bfloat16,
    DynamicInput,
    PerTokenInput,
    StaticInput,
)
from tritag.quant.weights.layer_selection import matching_layers
from tritag.quant.weights.low_bit_weights import LowBitWeights

_REASONS = {
    "asymmetric": "its scales are free floats and its zero points are not 0, so products of codes are no shifts",
    "asymmetric-dynamic": "its scales depend on the jet, so every jet would need its own divisions",
    "per-token": "its scales depend on the token, so every token would need its own division",
    "bfloat16": "its numbers are floats",
}


def why_not_exact(quant: QuantConfig) -> str:
    """Why a study's recipe cannot be exported, and what can."""
    return (
        f"activations: {quant.activations} is a study without exact form in firmware: {_REASONS[quant.activations]}; "
        "train with power-of-two scales, for example --precision int8 or int8-ternary"
    )


class _Roles(FloatLayers):
    """Float layers that know their role."""

    def linear(self, n_in: int, n_out: int, role: Role = "hidden", summed: bool = False) -> nn.Module:
        """See :class:`tritag.models.layers.layers.Layers`."""
        layer = super().linear(n_in, n_out, role, summed)
        layer.role = role  # type: ignore[assignment]
        return layer


class StudyTagger(Tagger):
    """A float tagger whose layers quantize; takes integer codes, gives float outputs."""

    def __init__(self, config: TaggerConfig, quant: QuantConfig) -> None:
        super().__init__()
        if quant.exact:
            raise ExportError("a study needs activations other than static")
        self.config, self.quant = config, quant
        self.tagger = make_tagger(config, _Roles(config.head.n_outputs))
        chosen = matching_layers(self.tagger, quant.low_bit_layers, nn.Linear)
        for name, layer in list(self.tagger.named_modules()):
            if isinstance(layer, nn.Linear):
                role = getattr(layer, "role", "frames")
                low_bits = name in chosen if chosen else role == "hidden"
                if low_bits or role == "frames" or quant.activations == "bfloat16":
                    _quantize(layer, quant, low_bits)
            elif isinstance(layer, Attention) and quant.activations == "bfloat16":
                _quantize_inputs(layer, [Bfloat16(), Bfloat16(), Bfloat16()])

    def load_float(self, state: dict[str, Tensor]) -> None:
        """Start from the weights of the float tagger.

        Raises
        ------
        ExportError
            The float weights are those of another network.
        """
        own = self.tagger.state_dict()
        renamed = {}
        for name, value in state.items():
            latent = f"{name.removesuffix('.weight')}.parametrizations.weight.original"
            renamed[latent if latent in own else name] = value
        missing, unexpected = self.tagger.load_state_dict(renamed, strict=False)
        lost = [name for name in missing if name.endswith(("weight", "bias", "original"))]
        if lost or unexpected:
            raise ExportError(f"float weights must be those of the same tagger; missing {lost}, unknown {unexpected}")

    def inputs(self, codes: Any, count: Any) -> Any:
        """See :class:`tritag.models.layers.layers.Tagger`."""
        return self.tagger.inputs(codes, count)

    def score(self, inputs: Any, count: Any) -> Any:
        """Outputs of the head (B, 1, outputs)."""
        return self.tagger.score(inputs, count)


def _quantize(layer: nn.Linear, quant: QuantConfig, low_bits: bool) -> None:
    parametrize.register_parametrization(layer, "weight", _weight_quantizer(quant, low_bits))
    # Channels come last, but first on pairs of tokens; the pair feature has no channels.
    axes: list[tuple[int, tuple[int, ...]]] = [(1, (0,))] if isinstance(layer, ChannelLinear) else [(0, (-1,))]
    if isinstance(layer, PairLinear):
        axes = [(0, (1, 2)), (0, (-1,))][: 2 if layer.n_scalars else 1]
    _quantize_inputs(layer, [_input_quantizer(quant, batch, channels) for batch, channels in axes])


def _weight_quantizer(quant: QuantConfig, low_bits: bool) -> nn.Module:
    if quant.activations == "bfloat16":
        return Bfloat16()
    if low_bits and quant.weights in ("ternary", "binary"):
        return LowBitWeights(quant, power_of_two=False)
    return AbsMaxWeight() if quant.activations == "per-token" else AsymmetricWeight()


def _input_quantizer(quant: QuantConfig, batch_axis: int, channel_axes: tuple[int, ...]) -> nn.Module:
    if quant.activations == "bfloat16":
        return Bfloat16()
    if quant.activations == "per-token":
        return PerTokenInput(channel_axes)
    return DynamicInput(batch_axis) if quant.activations == "asymmetric-dynamic" else StaticInput(quant)


def _quantize_inputs(layer: nn.Module, quantizers: list[nn.Module]) -> None:
    """Quantize the first inputs of a layer, one quantizer each."""
    layer.input_quantizers = nn.ModuleList(quantizers)
    layer.register_forward_pre_hook(_apply)


def _apply(layer: nn.Module, given: tuple[Any, ...]) -> tuple[Any, ...]:
    quantizers: Any = layer.input_quantizers
    return (*(q(x) for q, x in zip(quantizers, given, strict=False)), *given[len(quantizers) :])
