"""Lion against its algorithm as published, and the schedules against those of PyTorch."""

from __future__ import annotations

import itertools
import math

import pytest
import torch
from torch import nn

from tritag.errors import ConfigError
from tritag.models.training.config import TrainingConfig
from tritag.models.training.optimizer import Lion, make_optimizer
from tritag.models.training.schedule import Plateau, cosine_share


def published_lion(weight, momentum, gradient, rate, decay, beta_1=0.9, beta_2=0.99):
    """Algorithm 2 of arXiv:2302.06675, line by line."""
    update = (beta_1 * momentum + (1 - beta_1) * gradient).sign()
    momentum = beta_2 * momentum + (1 - beta_2) * gradient
    weight = weight - rate * (update + decay * weight)
    return weight, momentum


def test_lion_follows_the_published_algorithm_step_by_step():
    generator = torch.Generator().manual_seed(5)
    weights = [torch.randn(shape, generator=generator, dtype=torch.float64) for shape in ((4, 3), (7,))]
    parameters = [nn.Parameter(w.clone()) for w in weights]
    momenta = [torch.zeros_like(w) for w in weights]
    optimizer = Lion([{"params": parameters[:1]}, {"params": parameters[1:]}], lr=3e-2, weight_decay=2.0)
    for step in range(60):
        rate = 3e-2 / (1 + step)
        for group in optimizer.param_groups:
            group["lr"] = rate
        for i, parameter in enumerate(parameters):
            gradient = torch.randn(parameter.shape, generator=generator, dtype=torch.float64)
            gradient[0] = 0  # where the sign is 0, too, only the decay is left
            parameter.grad = gradient
            weights[i], momenta[i] = published_lion(weights[i], momenta[i], gradient, rate, 2.0)
        optimizer.step()
        for parameter, weight in zip(parameters, weights, strict=True):
            torch.testing.assert_close(parameter.detach(), weight, rtol=1e-12, atol=1e-14)


def test_a_parameter_without_gradient_stays():
    kept, moved = nn.Parameter(torch.ones(2)), nn.Parameter(torch.ones(2))
    moved.grad = torch.tensor([1.0, -1.0])
    make_optimizer("lion", [[kept, moved]], 0.5, 0.0).step()
    assert kept.tolist() == [1, 1]
    assert moved.tolist() == [0.5, 1.5]


def rates_of(scheduler_of, steps):
    optimizer = torch.optim.SGD([nn.Parameter(torch.zeros(1))], lr=0.5)
    scheduler, rates = scheduler_of(optimizer), []
    for _ in range(steps):
        rates.append(optimizer.param_groups[0]["lr"])
        optimizer.step()
        scheduler.step()
    return rates


@pytest.mark.parametrize(("cycles", "growth", "first"), [(1, 1.0, 120), (2, 1.0, 60), (4, 1.0, 30), (3, 4.0, 120 / 21)])
def test_cosines_are_those_of_pytorch(cycles, growth, first):
    steps = 120
    given = [0.5 * cosine_share(step, steps, cycles, growth) for step in range(steps)]
    if first == int(first):
        cosine = torch.optim.lr_scheduler.CosineAnnealingWarmRestarts
        assert given == pytest.approx(rates_of(lambda o: cosine(o, int(first), int(growth)), steps), abs=1e-12)
    assert sum(b > a for a, b in itertools.pairwise(given)) == cycles - 1


def test_plateau_is_that_of_pytorch():
    generator = torch.Generator().manual_seed(1)
    optimizer = torch.optim.SGD([nn.Parameter(torch.zeros(1))], lr=1.0)
    torchs = torch.optim.lr_scheduler.ReduceLROnPlateau(optimizer, factor=0.3, patience=3, eps=0)
    ours, seen = Plateau(), set()
    for step in range(200):
        loss = math.exp(-step / 20) + 0.05 * torch.rand(1, generator=generator).item()
        torchs.step(loss)
        ours.validated(loss, 0.3, 3)
        assert ours.share == pytest.approx(optimizer.param_groups[0]["lr"], rel=1e-12, abs=0)
        seen.add(ours.share)
    assert len(seen) > 5


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"optimizer": "sgd"}, "optimizer must be one of adam, lion, got 'sgd'"),
        ({"schedule": "linear"}, "schedule must be one of cosine, warm-restarts, plateau, constant, got 'linear'"),
        ({"cycles": 3}, "cycles needs schedule 'warm-restarts', got 'cosine', which ignores it"),
        ({"schedule": "warm-restarts", "plateau_patience": 3}, "plateau_patience needs schedule 'plateau'"),
        ({"schedule": "warm-restarts", "cycles": 0}, "cycles must lie in"),
        ({"schedule": "plateau", "plateau_factor": 1.0}, "plateau_factor must lie between 0 and 1, got 1"),
    ],
)
def test_settings_say_what_must_hold(values, message):
    with pytest.raises(ConfigError, match=message):
        TrainingConfig(**values)
