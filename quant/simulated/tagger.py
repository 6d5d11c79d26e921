"""The simulated tagger: a float tagger with fake-quantized layers, to compare recipes that have no exact form.

Hidden layers and Frames-Nets get quantized inputs and weights; Frames-Nets are int8 always. Input and output layers,
attention products, norms, frames and the way between frames stay in float32 (tagger-quantization paper, Sec. 3.1).
bfloat16 rounds inputs and weights of all linear layers and the attention's queries, keys and values.
"""

from __future__ import annotations

from typing import Any

from torch import Tensor

from tritag.errors import ExportError
from tritag.models.layers.frame_vectors import FrameLinear
from tritag.models.layers.linear import Linear
from tritag.models.layers.tagger import Tagger
from tritag.models.nets.registry import TaggerConfig, make_tagger
from tritag.quant.config import QuantConfig
from tritag.quant.simulated.forms import simulate
from tritag.quant.weights.layer_selection import matching_layers

_REASONS = {
    "asymmetric": "its scales are free floats, and what stands between its layers is float32",
    "asymmetric-dynamic": "its scales depend on the jet, so every jet would need its own divisions",
    "per-token": "its scales depend on the token, so every token would need its own division",
    "bfloat16": "its numbers are floats",
}


def why_not_exact(quant: QuantConfig) -> str:
    """Why a simulated recipe cannot be exported, and what can."""
    return (
        f"activations: {quant.activations} is simulated, without exact form in firmware: "
        f"{_REASONS[quant.activations]}; train with --precision int8-asymmetric (free scales), int8 or int8-ternary"
    )


class SimulatedTagger(Tagger):
    """A float tagger whose layers quantize; takes integer codes, gives float outputs."""

    def __init__(self, config: TaggerConfig, quant: QuantConfig) -> None:
        super().__init__()
        if quant.exact:
            raise ExportError("a simulated tagger needs activations other than static, got static; use QuantTagger")
        self.config, self.quant = config, quant
        self.tagger = make_tagger(config)
        self.empty_jet = self.tagger.empty_jet
        chosen = matching_layers(self.tagger, quant.low_bit_layers, Linear, FrameLinear)
        for name, layer in list(self.tagger.named_modules()):
            simulate(quant, layer, name in chosen if chosen else None)

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
        """Parameter-free preprocessing of the candidates' codes (B, K, 3) and the count (B, 1)."""
        return self.tagger.inputs(codes, count)

    def score(self, inputs: Any, count: Any) -> Any:
        """Outputs of the head (B, 1, outputs)."""
        return self.tagger.score(inputs, count)
