"""The base of all taggers."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn


class Tagger(nn.Module):
    """Base of all taggers: constants first, parameters after.

    ``inputs`` is the part without trained parameters (its result may be cached over a training), ``score`` the rest.
    Both take and return what the layer factory works on.

    Attributes
    ----------
    empty_jet : tuple of float, optional
        What a jet without candidates scores in evaluation mode, one number for each output. None where the network
        itself, or its integer form, decides.
    takes_fields : bool
        Of the class: the network hands ``layers.candidates`` to the layers that read codes, so that its YAML may name
        a grid and fields. Networks that do not are those of the grid ``top`` with pt, eta and phi.
    """

    takes_fields = False

    empty_jet: tuple[float, ...] | None = None

    def inputs(self, codes: Any, count: Any) -> Any:
        """Parameter-free preprocessing of the candidates' codes (B, K, 3 + fields) and the count (B, 1)."""
        raise NotImplementedError

    def score(self, inputs: Any, count: Any) -> Any:
        """Outputs of the head (B, 1, outputs) from the result of ``inputs``; of a binary head the logit (B, 1, 1)."""
        raise NotImplementedError

    def forward(self, codes: Any, count: Any) -> Any:
        """Outputs of the head (B, 1, outputs); of a binary head the logit of the jet being signal."""
        return self.score(self.inputs(codes, count), count)

    def penalty(self) -> Tensor | None:
        """What is added to the loss of a training step, apart from the jets; nothing by default."""
        return None

    def outputs(self, inputs: Any, count: Tensor) -> Tensor:
        """Outputs (B, outputs) as a plain tensor, from the result of ``inputs``: what losses and metrics take."""
        score = self.score(inputs, count)
        outputs = (score if isinstance(score, Tensor) else score.value).flatten(1)
        if self.training or self.empty_jet is None:
            return outputs
        return torch.where(
            count == 0, torch.tensor(self.empty_jet, dtype=outputs.dtype, device=outputs.device), outputs
        )

    def logits(self, inputs: Any, count: Tensor) -> Tensor:
        """Logits (B,) of a tagger with a binary head, as a plain tensor."""
        return self.outputs(inputs, count).flatten()
