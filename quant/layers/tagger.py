"""The quantized tagger: a network made of quantized layers."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor

from tritag.errors import ExportError, WidthError
from tritag.models.layers.tagger import Tagger
from tritag.models.nets.registry import TaggerConfig, make_tagger
from tritag.quant.config import QuantConfig
from tritag.quant.formats.fixed import Grid
from tritag.quant.formats.meter import meters
from tritag.quant.formats.tensor import FixedTensor
from tritag.quant.layers.factory import QuantLayers
from tritag.quant.ops.empty_jet import EmptyJet
from tritag.quant.ops.jet_scalars import code_grid
from tritag.quant.ops.modules import NamedOp
from tritag.quant.weights.layer_selection import matching_layers
from tritag.quant.weights.linear import QuantLinear, QuantVectorLinear


class QuantTagger(Tagger):
    """A tagger made of quantized layers; takes integer codes, gives outputs on a fixed grid."""

    def __init__(self, config: TaggerConfig, quant: QuantConfig) -> None:
        super().__init__()
        self.config, self.quant = config, quant
        layers = QuantLayers(quant, config.n_constituents, config.head.n_outputs, config.candidates)
        self.tagger: Tagger = make_tagger(config, layers)
        self.empty = NamedOp()
        for name in matching_layers(self.tagger, quant.low_bit_layers, QuantLinear):
            old = self.tagger.get_submodule(name)
            vectors = isinstance(old, QuantVectorLinear)
            new = layers.weighted(old.in_features, old.out_features, old.cut, True, vectors)  # type: ignore[arg-type]
            new.weight, new.bias = old.weight, old.bias
            self.tagger.set_submodule(name, new)
        for meter in meters(self.tagger):
            meter.on = quant.bit_penalty > 0

    def penalty(self) -> Tensor | None:
        """What the loss gains in a training step: ``bit_penalty`` for every million effective bit operations."""
        if not self.quant.bit_penalty:
            return None
        readings = [meter.reading for meter in meters(self.tagger) if meter.reading is not None]
        return self.quant.bit_penalty * 1e-6 * torch.as_tensor(sum(readings))

    def load_float(self, state: dict[str, Tensor]) -> None:
        """Start from the weights of the float tagger.

        Raises
        ------
        ExportError
            The float weights are those of another network.
        """
        missing, unexpected = self.tagger.load_state_dict(state, strict=False)
        lost = [name for name in missing if name.endswith(("weight", "bias"))]
        if lost or unexpected:
            raise ExportError(f"float weights must be those of the same tagger; missing {lost}, unknown {unexpected}")

    def fixed_inputs(self, codes: Tensor, count: Tensor) -> tuple[FixedTensor, FixedTensor]:
        """Put plain tensors of integer codes (B, K, 3 + fields) and count (B, 1) on their grids."""
        return (
            FixedTensor(codes.float(), code_grid(self.config.candidates)),
            FixedTensor(count.float(), Grid(0, self.config.n_constituents, 0)),
        )

    def inputs(self, codes: Tensor, count: Tensor) -> Any:
        """Parameter-free preprocessing of the integer codes (B, K, 3) and the count (B, 1): fixed-point tensors."""
        with self._naming_layers():
            return self.tagger.inputs(*self.fixed_inputs(codes, count))

    def score(self, inputs: Any, count: Tensor) -> FixedTensor:
        """Outputs of the head (B, 1, outputs); in evaluation mode a jet without candidates has its defined scores."""
        number = FixedTensor(count.float(), Grid(0, self.config.n_constituents, 0))
        with self._naming_layers():
            outputs: FixedTensor = self.tagger.score(inputs, number)
        if self.training:
            return outputs
        return self.empty(EmptyJet.of(self.config.head, outputs.known_grid()), outputs, number)

    @contextmanager
    def _naming_layers(self) -> Iterator[None]:
        """Errors of widths inside the block name the layer and the settings that decide about its widths."""
        try:
            yield
        except WidthError as error:
            layer = self._innermost_layer(error)
            if layer is None:
                raise
            names = ("activation_bits", "residual_bits", "attention_bits", "bias_bits")
            widths = ", ".join(f"{name}={getattr(self.quant, name)}" for name in names)
            raise WidthError(f"layer {layer}: {error}: lower quant.{widths}, or the number of channels") from error

    def _innermost_layer(self, error: WidthError) -> str | None:
        """Path of the innermost layer in whose forward pass the error came up; None for none of this network."""
        paths = {id(module): path for path, module in self.tagger.named_modules()}
        found, frame = None, error.__traceback__
        while frame is not None:
            found = paths.get(id(frame.tb_frame.f_locals.get("self"))) or found
            frame = frame.tb_next
        return found

    def forward(self, codes: Tensor, count: Tensor) -> Tensor:
        """Outputs of the head (B, 1, outputs) as a plain tensor: what is exported."""
        return self.score(self.inputs(codes, count), count).value
