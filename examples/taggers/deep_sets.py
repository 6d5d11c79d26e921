"""Deep Sets: a network of each candidate, the mean over the candidates, and a network of the jet."""

from dataclasses import dataclass

from tritag.models.layers.gelu import Gelu
from tritag.models.layers.linear import Linear
from tritag.models.layers.pool import MeanPool
from tritag.models.layers.scalars import N_SCALARS, JetScalars
from tritag.models.layers.tagger import Tagger


@dataclass(frozen=True)
class Sizes:
    channels: int = 16


class DeepSets(Tagger):
    def __init__(self, layers, n_constituents: int, sizes: Sizes) -> None:
        super().__init__()
        self.scalars = layers(JetScalars, n_constituents)
        self.embed, self.act = layers(Linear, N_SCALARS, sizes.channels, role="input"), layers(Gelu)
        self.pool = layers(MeanPool, n_constituents)
        self.head = layers(Linear, sizes.channels, layers.n_outputs, role="output")

    def inputs(self, codes, count):
        return self.scalars(codes, count)

    def score(self, inputs, count):
        return self.head(self.pool(self.act(self.embed(inputs)), count))
