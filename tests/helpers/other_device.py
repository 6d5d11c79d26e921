"""A device that is not the CPU, on a machine that has none: tensors on it are told apart, and computed on the CPU.

Inside :func:`other_device` a tensor ``.to("meta")`` is one of this device. A real one refuses NumPy, and
operations on tensors of two devices, but for numbers (no axes) of the CPU; so does
this one. Values are those of the CPU to the last bit.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor
from torch.overrides import TorchFunctionMode
from torch.utils._python_dispatch import TorchDispatchMode, return_and_correct_aliasing
from torch.utils._pytree import tree_leaves, tree_map

NAME = "meta"


class Elsewhere(Tensor):
    """A tensor of the other device; ``inner`` has its values."""

    inner: Tensor

    @staticmethod
    def __new__(cls, inner: Tensor) -> Elsewhere:
        made = torch.Tensor._make_wrapper_subclass(
            cls,
            inner.shape,
            strides=inner.stride(),
            storage_offset=inner.storage_offset(),
            dtype=inner.dtype,
            device=NAME,
        )
        made.inner = inner
        return made

    def __repr__(self, **_: Any) -> str:
        return f"Elsewhere({self.inner})"

    def __tensor_flatten__(self) -> tuple[list[str], None]:
        return ["inner"], None

    def tolist(self) -> Any:
        return self.inner.tolist()

    def new_tensor(self, data: Any, **kwargs: Any) -> Tensor:
        return torch.tensor(data, **({"dtype": self.dtype} | kwargs)).to(NAME)

    @staticmethod
    def __tensor_unflatten__(inner: dict[str, Tensor], *_: Any) -> Elsewhere:
        return Elsewhere(inner["inner"])

    @classmethod
    def __torch_dispatch__(cls, function: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        return _call(function, args, kwargs or {})


@contextmanager
def other_device() -> Iterator[None]:
    """Inside it ``torch.device("meta")`` is a device with values."""
    with _Constants(), _Operations():
        yield


class _Constants(TorchFunctionMode):
    """``torch.tensor(data, device=...)`` does not reach the dispatcher with its values."""

    def __torch_function__(self, function: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        kwargs = kwargs or {}
        if function is torch.tensor and torch.device(kwargs.get("device") or "cpu").type == NAME:
            return function(*args, **{**kwargs, "device": None}).to(NAME)
        return function(*args, **kwargs)


class _Operations(TorchDispatchMode):
    def __torch_dispatch__(self, function: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        return _call(function, args, kwargs or {})


def _call(function: Any, args: Any, kwargs: dict[str, Any]) -> Any:
    tensors = [x for x in tree_leaves((args, kwargs)) if isinstance(x, Tensor)]
    there = any(isinstance(x, Elsewhere) for x in tensors)
    asked = kwargs.get("device")
    if asked is None and not there:
        return function(*args, **kwargs)
    moves = function in (torch.ops.aten._to_copy.default, torch.ops.aten.copy_.default)
    alone = [x for x in tensors if not isinstance(x, Elsewhere)]
    if there and not moves and any(x.ndim for x in alone):
        shape = next(tuple(x.shape) for x in alone if x.ndim)
        raise RuntimeError(f"{function}: tensors must be on one device, got one of the CPU of shape {shape}")
    if asked is not None:
        kwargs = {**kwargs, "device": torch.device("cpu")}
    inner = [tree_map(lambda x: x.inner if isinstance(x, Elsewhere) else x, part) for part in (args, kwargs)]
    result = function(*inner[0], **inner[1])
    if function is torch.ops.aten.copy_.default and not isinstance(args[0], Elsewhere):
        return args[0]
    if asked is not None and torch.device(asked).type != NAME:
        return result
    wrapped = tree_map(lambda x: Elsewhere(x) if isinstance(x, Tensor) else x, result)
    return return_and_correct_aliasing(function, args, kwargs, wrapped)
