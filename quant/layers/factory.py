"""The factory of quantized layers: the same network, made by it, is trained with quantization and exported.

The quantized form of a kind of layer is a function that carries :func:`quantizes`, beside the module that it makes:

    @quantizes(Attention)
    def quantized_attention(layers: QuantLayers, n_tokens: int, channels: int, heads: int) -> nn.Module:
        return QuantAttention(n_tokens, channels, heads, layers.config.attention_bits)

It takes the factory, which knows the recipe, and then the arguments of the kind's own constructor.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Concatenate, ParamSpec

from torch import nn

from tritag.data.jets.candidate_grid import PLAIN, CandidateInputs
from tritag.quant.config import QuantConfig
from tritag.quant.forms import Forms
from tritag.quant.weights.coded_linear import CodedLinear, CodedVectorLinear
from tritag.quant.weights.cut import Cut
from tritag.quant.weights.incremental_weights import IncrementalTernary
from tritag.quant.weights.learned_cut import LearnedCut, LearnedWidthCut
from tritag.quant.weights.learned_weights import LearnedWeights
from tritag.quant.weights.linear import QuantLinear, QuantVectorLinear
from tritag.quant.weights.low_bit_weights import LowBitWeights
from tritag.quant.weights.quantizers import Int8Weight, TernaryWeight

P = ParamSpec("P")
_QUANTIZED = Forms("quantized")


class QuantLayers:
    """A factory (:class:`tritag.models.layers.factory.Layers`) whose layers are the quantized forms of their kinds.

    Parameters
    ----------
    config : QuantConfig
        The recipe.
    n_tokens : int
        Candidates of a jet.
    n_outputs : int
        Outputs of the tagger's head.
    candidates : CandidateInputs
        The grid and the fields of the candidates.
    """

    def __init__(
        self, config: QuantConfig, n_tokens: int, n_outputs: int = 1, candidates: CandidateInputs = PLAIN
    ) -> None:
        self.config, self.n_tokens, self.n_outputs, self.candidates = config, n_tokens, n_outputs, candidates

    def __call__(self, kind: Callable[P, nn.Module], *args: P.args, **kwargs: P.kwargs) -> nn.Module:
        """Make the quantized form of ``kind`` from the arguments of its constructor.

        Raises
        ------
        ConfigError
            No quantized form is registered for the kind.
        """
        return _QUANTIZED.of(kind)(self, *args, **kwargs)

    def residual_cut(self) -> Cut:
        """A cut of the residual stream."""
        return self.cut(self.config.residual_bits)

    def cut(self, bits: int | None = None) -> Cut:
        """A cut of an activation to ``bits`` bits, or to as many of them as it learns."""
        c = self.config
        kind = Cut
        if c.learned_cuts:
            kind = {"fraction": LearnedCut, "width": LearnedWidthCut}[c.cut_parameter]
        return kind(
            bits or c.tensor_bits,
            range_quantile=c.range_quantile,
            range_momentum=c.range_momentum,
            dynamic_fraction=c.dynamic_fraction,
            frozen_fraction=c.frozen_fraction,
        )

    def weighted(self, n_in: int, n_out: int, cut: Cut | None, low_bits: bool, vectors: bool = False) -> QuantLinear:
        """Linear layer with int8 weights, or with those of the configuration; ``vectors``: of vectors' channels."""
        c = self.config
        coder = self._coder(n_in, n_out) if low_bits else None
        if coder is not None:
            return (CodedVectorLinear if vectors else CodedLinear)(n_in, n_out, coder, c.bias_bits, cut)
        weights = self._ste_weights(low_bits and c.weights == "ternary")
        return (QuantVectorLinear if vectors else QuantLinear)(n_in, n_out, weights, c.bias_bits, cut)

    def _coder(self, n_in: int, n_out: int) -> nn.Module | None:
        """Quantizer of our own for low-bit weights; None where Brevitas has one."""
        c = self.config
        if c.weights == "int8" or (c.weights == "ternary" and c.weight_method == "ste"):
            return None
        if c.weights == "learned":
            return LearnedWeights(n_in, n_out, c.bit_granularity, c.size_gradient)
        if c.weight_method == "incremental":
            return IncrementalTernary(c, (n_out, n_in))
        return LowBitWeights(c, power_of_two=True)

    def _ste_weights(self, low_bits: bool) -> dict[str, Any]:
        """Brevitas arguments of int8 or ternary weights."""
        if not low_bits:
            return {"weight_quant": Int8Weight}
        return {"weight_quant": TernaryWeight, "weight_scale_frozen_fraction": self.config.scale_frozen_fraction}


QuantizedForm = Callable[Concatenate[QuantLayers, P], nn.Module]


def quantizes(kind: Callable[P, nn.Module]) -> Callable[[QuantizedForm[P]], QuantizedForm[P]]:
    """Decorator of the function that makes the quantized form of ``kind``.

    Parameters
    ----------
    kind : class
        The float layer. Parameters of its quantized form must have the same names, so that float weights load.

    Returns
    -------
    The decorator. It takes a function of the factory and the arguments of the kind's constructor, and returns it.
    """

    def decorate(form: QuantizedForm[P]) -> QuantizedForm[P]:
        return _QUANTIZED.register(kind, form)

    return decorate


def quantized_form(kind: Any) -> Callable[..., nn.Module] | None:
    """The function that makes the quantized form of ``kind``; None where there is none."""
    return _QUANTIZED.find(kind)
