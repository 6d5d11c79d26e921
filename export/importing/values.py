"""A tensor of the imported graph: integers of the new program, and what they stand for in the old one."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from tritag.quant.requantize.exact import ONE, ZERO, compact, filled
from tritag.quant.requantize.steps import Affine, Step


@dataclass(frozen=True)
class Value:
    """``steps(scale * integers + offset)``.

    Attributes
    ----------
    tensor : str
        Tensor of the new graph that holds the integers.
    shape : tuple of int
        Shape in the file, without the batch axis.
    order : tuple of int
        Axes of ``shape`` in the order in which the integers lie: a transposition is this alone.
    scale, offset : array of Fraction
        They broadcast to ``shape``.
    steps : tuple
        What follows, yet to be quantized.
    """

    tensor: str
    shape: tuple[int, ...]
    order: tuple[int, ...]
    scale: np.ndarray
    offset: np.ndarray
    steps: tuple[Step, ...] = ()

    @property
    def size(self) -> int:
        """Numbers of a jet."""
        return int(np.prod(self.shape))

    @property
    def long(self) -> list[int]:
        """Axes with more than one entry, in the order in which the integers lie."""
        return [axis for axis in self.order if self.shape[axis] > 1]

    def followed(self, step: Step) -> Value:
        """The value after one step more; affine maps of integers are joined."""
        if isinstance(step, Affine) and not self.steps:
            scale = self.scale * step.factor
            return replace(self, scale=scale, offset=self.offset * step.factor + step.offset)
        return replace(self, steps=(*self.steps, step))

    def reshaped(self, shape: tuple[int, ...]) -> Value:
        """The same numbers in another shape; they must lie in the order of the axes."""
        steps = tuple(_reshaped_step(s, self.shape, shape) for s in self.steps)
        scale, offset = (_reshaped(x, self.shape, shape) for x in (self.scale, self.offset))
        return Value(self.tensor, shape, tuple(range(len(shape))), scale, offset, steps)

    def transposed(self, axes: tuple[int, ...]) -> Value:
        """Axes in another order; the integers stay where they are."""
        steps = tuple(
            Affine(s.factor.transpose(axes), s.offset.transpose(axes)) if isinstance(s, Affine) else s
            for s in self.steps
        )
        order = tuple(axes.index(a) for a in self.order)
        shape = tuple(self.shape[a] for a in axes)
        return Value(self.tensor, shape, order, self.scale.transpose(axes), self.offset.transpose(axes), steps)


def constant(shape: tuple[int, ...], value: object = ZERO) -> np.ndarray:
    """Array of one number that broadcasts to a shape of that many axes."""
    return filled([value], [1] * len(shape))


def full_rank(values: np.ndarray, shape: tuple[int, ...]) -> np.ndarray:
    """The array with leading axes of length 1, so that it has as many as ``shape``."""
    return values.reshape([1] * (len(shape) - values.ndim) + list(values.shape)) if values.ndim < len(shape) else values


def _reshaped(values: np.ndarray, old: tuple[int, ...], new: tuple[int, ...]) -> np.ndarray:
    if values.size == 1:
        return values.reshape([1] * len(new))
    return compact(np.broadcast_to(values, old).reshape(new))


def _reshaped_step(step: Step, old: tuple[int, ...], new: tuple[int, ...]) -> Step:
    if not isinstance(step, Affine):
        return step
    return Affine(_reshaped(step.factor, old, new), _reshaped(step.offset, old, new))


__all__ = ["ONE", "Value", "constant", "full_rank"]
