"""MLP-Mixer: a layer along the candidates, then one along the channels, each beside the residual stream."""

from dataclasses import dataclass

from tritag.models.layers.activations import Relu
from tritag.models.layers.linear import Linear
from tritag.models.layers.mixing import TokenLinear
from tritag.models.layers.pool import MaskTokens, MeanPool
from tritag.models.layers.residual import Residual
from tritag.models.layers.scalars import N_SCALARS, JetScalars
from tritag.models.layers.tagger import Tagger


@dataclass(frozen=True)
class Sizes:
    channels: int = 16


class MlpMixer(Tagger):
    def __init__(self, layers, n_constituents: int, sizes: Sizes) -> None:
        super().__init__()
        n, c = n_constituents, sizes.channels
        self.scalars, self.embed = layers(JetScalars, n), layers(Linear, N_SCALARS, c, role="input")
        self.mask, self.mix, self.first = layers(MaskTokens, n), layers(TokenLinear, n, n), layers(Relu)
        self.add_tokens, self.channels, self.second = layers(Residual), layers(Linear, c, c), layers(Relu)
        self.add_channels, self.pool = layers(Residual), layers(MeanPool, n)
        self.head = layers(Linear, c, layers.n_outputs, role="output")

    def inputs(self, codes, count):
        return self.scalars(codes, count)

    def score(self, inputs, count):
        h = self.mask(self.embed(inputs), count)
        h = self.add_tokens(h, self.first(self.mix(h)))
        h = self.add_channels(h, self.second(self.channels(h)))
        return self.head(self.pool(h, count))
