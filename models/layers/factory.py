"""What a network asks for its layers: a factory, called with a kind of layer and that kind's own arguments.

A kind is the class of a float layer. A network writes ``self.attention = layers(Attention, n_tokens, channels, heads)``
and leaves to the factory what it gets: :class:`FloatLayers` makes the class itself, the factory of ``tritag.quant`` a
quantized layer that stands in for it. Parameters have the same names in both, so float weights load into the quantized
network.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import ParamSpec, Protocol

from torch import nn

from tritag.data.jets.candidate_grid import PLAIN, CandidateInputs

P = ParamSpec("P")


class Layers(Protocol):
    """A factory of layers, as networks see it.

    What flows between the layers is opaque to a network: tensors in float, fixed-point tensors when quantized.

    Attributes
    ----------
    n_outputs : int
        Outputs of the tagger's head, which the head's configuration decides about and not the network.
    candidates : CandidateInputs
        The grid and the fields of the candidates.
    """

    n_outputs: int
    candidates: CandidateInputs

    def __call__(self, kind: Callable[P, nn.Module], *args: P.args, **kwargs: P.kwargs) -> nn.Module:
        """Make a layer of ``kind``; the arguments are those of the kind's constructor."""


class FloatLayers:
    """The factory of float layers: every layer is an instance of its kind.

    Parameters
    ----------
    n_outputs : int
        Outputs of the tagger's head.
    candidates : CandidateInputs
        The grid and the fields of the candidates.
    """

    def __init__(self, n_outputs: int = 1, candidates: CandidateInputs = PLAIN) -> None:
        self.n_outputs, self.candidates = n_outputs, candidates

    def __call__(self, kind: Callable[P, nn.Module], *args: P.args, **kwargs: P.kwargs) -> nn.Module:
        """Make an instance of ``kind``."""
        return kind(*args, **kwargs)
