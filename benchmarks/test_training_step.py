"""A training step, forward and backward: beside the packages ``lloca`` and ``lgatr``, and in float beside quantized.

Run it with ``make bench``.

The same sizes, jets and inputs on both sides, float32, one thread. Steps alternate, and the time is the process's own,
so that other programs disturb both sides alike. Jets have no padding: the reference networks of ``lloca`` take none
without another, slower form of their input.
"""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor
from torch.nn import functional as F

from tests.helpers.jets import random_jets
from tests.helpers.references import ReferenceLLoCa, ReferenceSlim
from tritag.models.layers.tagger import Tagger
from tritag.models.nets.registry import load_tagger_config, make_tagger, sizes_of
from tritag.models.training.memory import keep_freed_memory
from tritag.quant.config import QuantConfig
from tritag.quant.layers.tagger import QuantTagger

BATCH = 512
ROUNDS = 9
SLIM = ("lgatr-slim-2k", "lgatr-slim-20k", "lgatr-slim-deep-2k")
REFERENCES = {
    **dict.fromkeys(("lloca-local-2k", "lloca-global-2k"), ReferenceLLoCa),
    **dict.fromkeys(SLIM, ReferenceSlim),
}

TAGGERS = ["transformer-2k", "lloca-trigger-2k", "lloca-global-2k", "lloca-local-2k", "lgatr-slim-2k", "part-20k"]


@pytest.fixture(autouse=True)
def one_thread() -> Iterator[None]:
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


def step_of(network: Any, inputs: Any, count: Tensor, label: Tensor) -> Callable[[], None]:
    """Forward, loss, backward."""

    def step() -> None:
        network.zero_grad(set_to_none=True)
        score = network.logits(inputs, count) if isinstance(network, Tagger) else network.score(inputs, count).flatten()
        F.binary_cross_entropy_with_logits(score, label).backward()

    return step


def medians_ms(*steps: Callable[[], None]) -> list[float]:
    """CPU time of each step, steps taken in turns; the first round warms up."""
    times: list[list[float]] = [[] for _ in steps]
    for _ in range(ROUNDS + 1):
        for step, taken in zip(steps, times, strict=True):
            began = time.process_time()
            step()
            taken.append(1000 * (time.process_time() - began))
    return [statistics.median(taken[1:]) for taken in times]


def test_training_step_beside_the_references(capsys: pytest.CaptureFixture[str]) -> None:
    keep_freed_memory()
    rows = []
    for k in (16, 30):
        codes = torch.from_numpy(random_jets(np.random.default_rng(1), BATCH, k)[0]).long()
        count, label = torch.full((BATCH, 1), k), (torch.arange(BATCH) % 2).float()
        for name, reference in REFERENCES.items():
            torch.manual_seed(1)
            config = load_tagger_config(name, k)
            tagger = make_tagger(config).train()
            other = reference(sizes_of(config), k).train()
            inputs = tagger.inputs(codes, count)
            ours, theirs = medians_ms(*(step_of(net, inputs, count, label) for net in (tagger, other)))
            rows.append((name, k, ours, theirs))
    with capsys.disabled():
        print(f"\nCPU time of a step of {BATCH} jets, one thread")  # noqa: T201
        for name, k, ours, theirs in rows:
            print(f"{name:18s} K={k}  ours {ours:7.1f} ms  reference {theirs:7.1f} ms  ratio {theirs / ours:4.1f}")  # noqa: T201
    assert all(ours > 0 and theirs > 0 for _, _, ours, theirs in rows)


def test_quantized_training_step_beside_float(capsys: pytest.CaptureFixture[str]) -> None:
    keep_freed_memory()
    rows, k = [], 16
    codes = torch.from_numpy(random_jets(np.random.default_rng(1), BATCH, k)[0]).long()
    count, label = torch.full((BATCH, 1), k), (torch.arange(BATCH) % 2).float()
    for name in TAGGERS:
        config = load_tagger_config(name, k)
        taggers = make_tagger(config), QuantTagger(config, QuantConfig(weights="ternary"))
        steps = []
        for tagger in taggers:
            with torch.no_grad():
                inputs = tagger.eval().inputs(codes, count)
            steps.append(step_of(tagger.train(), inputs, count, label))
        rows.append((name, *medians_ms(*steps)))
    with capsys.disabled():
        print(f"\nCPU time of a step of {BATCH} jets, K={k}, one thread")  # noqa: T201
        for name, plain, quantized in rows:
            print(f"{name:18s} float {plain:7.1f} ms  int8-ternary {quantized:7.1f} ms")  # noqa: T201
    assert all(plain > 0 and quantized > 0 for _, plain, quantized in rows)
