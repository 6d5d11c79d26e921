"""Linformer: attention over a few rows that a layer along the candidates has made of keys and values."""

from dataclasses import dataclass

from tritag.models.layers.attention import LinearAttention
from tritag.models.layers.linear import Linear
from tritag.models.layers.mixing import TokenLinear
from tritag.models.layers.pool import MaskTokens, MeanPool
from tritag.models.layers.residual import Residual
from tritag.models.layers.scalars import N_SCALARS, JetScalars
from tritag.models.layers.tagger import Tagger


@dataclass(frozen=True)
class Sizes:
    channels: int = 16
    heads: int = 2
    keys: int = 4


class Linformer(Tagger):
    def __init__(self, layers, n_constituents: int, sizes: Sizes) -> None:
        super().__init__()
        n, c, m = n_constituents, sizes.channels, sizes.keys
        self.scalars, self.embed = layers(JetScalars, n), layers(Linear, N_SCALARS, c, role="input")
        self.mask, self.query = layers(MaskTokens, n), layers(Linear, c, c)
        self.key, self.keys = layers(Linear, c, c), layers(TokenLinear, n, m)
        self.value, self.values = layers(Linear, c, c), layers(TokenLinear, n, m)
        self.attention, self.project = layers(LinearAttention, n, m, c, sizes.heads), layers(Linear, c, c, summed=True)
        self.add, self.pool = layers(Residual), layers(MeanPool, n)
        self.head = layers(Linear, c, layers.n_outputs, role="output")

    def inputs(self, codes, count):
        return self.scalars(codes, count)

    def score(self, inputs, count):
        h = self.mask(self.embed(inputs), count)
        a = self.attention(self.query(h), self.keys(self.key(h)), self.values(self.value(h)))
        return self.head(self.pool(self.add(h, self.project(a)), count))
