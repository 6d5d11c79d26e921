"""JEDI-linear: messages that are linear in the candidates cost a mean over the jet, and not a sum over all pairs."""

from dataclasses import dataclass

from tritag.models.layers.activations import Relu
from tritag.models.layers.broadcast import Add
from tritag.models.layers.linear import Linear
from tritag.models.layers.pool import MeanPool
from tritag.models.layers.scalars import N_SCALARS, JetScalars
from tritag.models.layers.tagger import Tagger


@dataclass(frozen=True)
class Sizes:
    channels: int = 16


class JediLinear(Tagger):
    def __init__(self, layers, n_constituents: int, sizes: Sizes) -> None:
        super().__init__()
        c = sizes.channels
        self.scalars = layers(JetScalars, n_constituents)
        self.embed, self.first = layers(Linear, N_SCALARS, c, role="input"), layers(Relu)
        self.own, self.mean, self.others = layers(Linear, c, c), layers(MeanPool, n_constituents), layers(Linear, c, c)
        self.add, self.second, self.pool = layers(Add), layers(Relu), layers(MeanPool, n_constituents)
        self.head = layers(Linear, c, layers.n_outputs, role="output")

    def inputs(self, codes, count):
        return self.scalars(codes, count)

    def score(self, inputs, count):
        h = self.first(self.embed(inputs))
        h = self.second(self.add(self.own(h), self.others(self.mean(h, count))))
        return self.head(self.pool(h, count))
