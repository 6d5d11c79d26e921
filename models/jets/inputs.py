"""A tagger's parameter-free inputs, computed once per jet and kept for the whole training.

What ``Tagger.inputs`` returns is a tensor for float taggers; others may return a tuple, or an object that can be
indexed with a LongTensor or slice and has a class method ``cat(list)``.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, TypeAlias

import torch
from torch import Tensor, nn

from tritag.closed import free_memory
from tritag.models.jets.coded_jets import CodedJets
from tritag.models.layers.tagger import Tagger

# What training compares outputs with: of all jets, or how to make it of some.
Wanted: TypeAlias = "Tensor | Callable[[CodedJets], Tensor]"
Chosen: TypeAlias = Tensor | slice
# Inputs of more jets are computed when they are needed, and those that would take half of the free memory.
MOST_KEPT = 1_000_000
_CHUNK = 4096


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

    @property
    def device(self) -> torch.device:
        """Where an index of jets must lie."""
        return self.count.device

    def select(self, index: Tensor) -> PreparedJets:
        """Jets of a LongTensor ``index`` (m,)."""
        return PreparedJets(select(self.inputs, index), self.count.index_select(0, index), self.wanted[index])

    def slice(self, start: int, stop: int) -> PreparedJets:
        """The prepared jets from ``start`` up to but without ``stop``."""
        part = slice(start, stop)
        return PreparedJets(select(self.inputs, part), self.count[part], self.wanted[part])


class JetsToPrepare:
    """Jets whose inputs are computed for a few of them at a time, with the interface of `PreparedJets`.

    Parameters
    ----------
    tagger : Tagger
    jets : CodedJets
        On the processor.
    wanted : Tensor or callable
        What training compares with, of all jets, or how to make it of some.
    """

    device = torch.device("cpu")

    def __init__(self, tagger: Tagger, jets: CodedJets, wanted: Wanted) -> None:
        self._tagger, self._jets, self._wanted = tagger, jets, wanted

    def __len__(self) -> int:
        return len(self._jets)

    @property
    def wanted(self) -> Tensor:
        """What the outputs of all jets are compared with, on the device of the tagger."""
        made = self._wanted if isinstance(self._wanted, Tensor) else self._wanted(self._jets)
        return made.to(_device(self._tagger), torch.float32)

    def select(self, index: Tensor) -> PreparedJets:
        """Prepare the jets of a LongTensor ``index`` (m,)."""
        return self._prepare(index)

    def slice(self, start: int, stop: int) -> PreparedJets:
        """Prepare the jets from ``start`` up to but without ``stop``."""
        return self._prepare(slice(start, stop))

    def _prepare(self, index: Chosen) -> PreparedJets:
        jets = self._jets[index]
        wanted = self._wanted[index] if isinstance(self._wanted, Tensor) else self._wanted(jets)
        return prepare(self._tagger, jets, max(1, len(jets)), wanted)


def prepare_if_few(tagger: Tagger, jets: CodedJets, wanted: Wanted) -> PreparedJets | JetsToPrepare:
    """Compute the inputs of all jets now, or, of many, when they are needed; the numbers are the same."""
    if len(jets) > MOST_KEPT or not _fit(tagger, jets):
        return JetsToPrepare(tagger, jets, wanted)
    return prepare(tagger, jets, wanted=wanted if isinstance(wanted, Tensor) else wanted(jets))


def _fit(tagger: Tagger, jets: CodedJets) -> bool:
    """Whether the inputs of all jets leave half of the free memory to others; a few jets always do."""
    if len(jets) <= 8 * _CHUNK:
        return True
    some = prepare(tagger, jets[:_CHUNK])
    return _n_bytes(some.inputs) / _CHUNK * len(jets) < _free_memory(some.device) / 2


def _n_bytes(inputs: Any) -> int:
    if isinstance(inputs, Tensor):
        return inputs.numel() * inputs.element_size()
    parts = inputs if isinstance(inputs, tuple) else vars(inputs).values()
    return sum(_n_bytes(part) for part in parts if isinstance(part, Tensor | tuple))


def _free_memory(device: torch.device) -> int:
    return int(torch.cuda.mem_get_info(device)[0]) if device.type == "cuda" else free_memory()


def prepare(tagger: Tagger, jets: CodedJets, chunk: int = _CHUNK, wanted: Tensor | None = None) -> PreparedJets:
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


def _device(tagger: Tagger) -> torch.device:
    return next((p.device for p in tagger.parameters()), torch.device("cpu"))


def _prepare_chunk(tagger: Tagger, jets: CodedJets) -> tuple[Any, Tensor]:
    device = _device(tagger)
    # Integer codes travel as int64, whatever they were stored in: quantized inputs multiply them.
    codes = jets.codes.to(device, torch.float64 if jets.codes.is_floating_point() else torch.int64)
    count = jets.count.to(device, torch.int64)
    return tagger.inputs(codes, count), count
