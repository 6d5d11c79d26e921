"""The optimizers of a training: Adam with decoupled weight decay, and Lion."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

import torch
from torch import Tensor
from torch.optim import AdamW, Optimizer

OPTIMIZERS = ("adam", "lion")
_ADAM_BETAS = (0.9, 0.999)
_LION_BETAS = (0.9, 0.99)


class Lion(Optimizer):
    r"""Evolved sign momentum: every weight moves by the learning rate, towards the sign of an average gradient.

    With gradient :math:`g` and momentum :math:`m`, a step is
    :math:`w \leftarrow w - r\,(\mathrm{sign}(\beta_1 m + (1-\beta_1) g) + \lambda w)` and then
    :math:`m \leftarrow \beta_2 m + (1-\beta_2) g` (Chen et al., arXiv:2302.06675, algorithm 2). Compared with Adam,
    the learning rate is 3 to 10 times smaller and the weight decay as much larger.

    Parameters
    ----------
    parameters
        Parameters, or groups of them with a learning rate each, as all optimizers of PyTorch take them.
    lr : float
        Learning rate :math:`r`.
    betas : pair of float
        :math:`\beta_1, \beta_2`.
    weight_decay : float
        :math:`\lambda`, per unit of learning rate.
    """

    def __init__(
        self,
        parameters: Iterable[Tensor] | Iterable[dict[str, Any]],
        lr: float = 1e-4,
        betas: tuple[float, float] = _LION_BETAS,
        weight_decay: float = 0.0,
    ) -> None:
        super().__init__(parameters, {"lr": lr, "betas": betas, "weight_decay": weight_decay})

    @torch.no_grad()
    def step(self, closure: Callable[[], float] | None = None) -> float | None:  # type: ignore[override]
        """Change all weights that have a gradient; ``closure``, when given, computes it and returns the loss."""
        loss = None
        if closure is not None:
            with torch.enable_grad():
                loss = closure()
        for group in self.param_groups:
            (first, second), rate = group["betas"], group["lr"]
            weights = [p for p in group["params"] if p.grad is not None]
            if not weights:
                continue
            gradients = [p.grad for p in weights]
            momenta = [self._momentum(p) for p in weights]
            directions = torch._foreach_mul(momenta, first)
            torch._foreach_add_(directions, gradients, alpha=1 - first)
            torch._foreach_sign_(directions)
            torch._foreach_mul_(weights, 1 - rate * group["weight_decay"])
            torch._foreach_add_(weights, directions, alpha=-rate)
            torch._foreach_mul_(momenta, second)
            torch._foreach_add_(momenta, gradients, alpha=1 - second)
        return loss

    def _momentum(self, weight: Tensor) -> Tensor:
        state = self.state[weight]
        if not state:
            state["momentum"] = torch.zeros_like(weight, memory_format=torch.preserve_format)
        return state["momentum"]


def make_optimizer(name: str, groups: list[list[Tensor]], learning_rate: float, weight_decay: float) -> Optimizer:
    """The optimizer ``name`` of :data:`OPTIMIZERS` over groups of parameters, whose rates may then be changed."""
    parameters = [{"params": group} for group in groups]
    if name == "lion":
        return Lion(parameters, lr=learning_rate, weight_decay=weight_decay)
    # AdamW without weight decay is Adam; the fused form saves a millisecond of Python per step.
    return AdamW(parameters, lr=learning_rate, betas=_ADAM_BETAS, weight_decay=weight_decay, fused=True)


__all__ = ["OPTIMIZERS", "Lion", "make_optimizer"]
