"""A tagger's parameter-free inputs, computed once per jet and kept for the whole training.

What ``Tagger.inputs`` returns is a tensor for float taggers; others may return a tuple, or an object that can be
indexed with a LongTensor or slice and has a class method ``cat(list)``.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from tritag.models.jets.coded_jets import CodedJets
from tritag.models.layers.tagger import Tagger


@dataclass(frozen=True)
class PreparedJets:
    """Inputs of n jets.

    Attributes
    ----------
    inputs
        Result of ``Tagger.inputs``, first axis n.
    count : (n, 1) int64
        Candidates of each jet.
    wanted : (n, outputs) float32
        What the tagger's outputs are trained towards (:meth:`tritag.models.nets.head.HeadConfig.wanted`).
    """

    inputs: Any
    count: Tensor
    wanted: Tensor

    def __len__(self) -> int:
        return len(self.count)

    def select(self, index: Tensor) -> PreparedJets:
        """Jets of a LongTensor ``index`` (m,)."""
        return PreparedJets(select(self.inputs, index), self.count.index_select(0, index), self.wanted[index])

    def slice(self, start: int, stop: int) -> PreparedJets:
        """The prepared jets from ``start`` up to but without ``stop``."""
        part = slice(start, stop)
        return PreparedJets(select(self.inputs, part), self.count[part], self.wanted[part])


def prepare(tagger: Tagger, jets: CodedJets, chunk: int = 4096, wanted: Tensor | None = None) -> PreparedJets:
    """Run ``tagger.inputs`` over all jets, in eval mode and without gradients, on the device of the tagger.

    ``wanted`` (n, outputs) is what training compares with; nothing by default.
    """
    with evaluating(tagger):
        parts = [_prepare_chunk(tagger, jets[i : i + chunk]) for i in range(0, max(len(jets), 1), chunk)]
    inputs, count = (concatenate(list(column)) for column in zip(*parts, strict=True))
    wanted = torch.empty(len(jets), 0) if wanted is None else wanted
    return PreparedJets(inputs, count, wanted.to(count.device, torch.float32))


def select(inputs: Any, index: Tensor | slice) -> Any:
    """Rows of inputs of any supported kind."""
    if isinstance(inputs, tuple):
        return tuple(select(part, index) for part in inputs)
    if isinstance(inputs, Tensor) and isinstance(index, Tensor):
        return inputs.index_select(0, index)
    return inputs[index]


def concatenate(parts: list[Any]) -> Any:
    """Join inputs of any supported kind along the jets."""
    first = parts[0]
    if isinstance(first, Tensor):
        return torch.cat(parts)
    if isinstance(first, tuple):
        return tuple(concatenate(list(column)) for column in zip(*parts, strict=True))
    return type(first).cat(parts)


@contextmanager
def evaluating(model: nn.Module) -> Iterator[None]:
    """Eval mode and no gradients inside the block; the model's mode is restored after it."""
    was_training = model.training
    model.eval()
    try:
        with torch.no_grad():
            yield
    finally:
        model.train(was_training)


def _prepare_chunk(tagger: Tagger, jets: CodedJets) -> tuple[Any, Tensor]:
    device = next((p.device for p in tagger.parameters()), torch.device("cpu"))
    # Integer codes travel as int64, whatever they were stored in: quantized inputs multiply them.
    codes = jets.codes.to(device, torch.float64 if jets.codes.is_floating_point() else torch.int64)
    count = jets.count.to(device, torch.int64)
    return tagger.inputs(codes, count), count
