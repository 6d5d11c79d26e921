"""Trainings on another device than the processor: no tensor stays behind, and the weights are those of the processor.

There is no GPU here: `other_device` refuses what a GPU refuses, tensors of two devices in one operation and NumPy.
"""

from __future__ import annotations

import re
import sys
from pathlib import Path

import numpy as np
import pytest
import torch

from tests.helpers.jets import random_jets
from tests.helpers.marks import often
from tests.helpers.other_device import NAME, other_device
from tritag.configs import precision_names
from tritag.errors import ConfigError
from tritag.models.jets.coded_jets import CodedJets
from tritag.models.nets.registry import load_tagger_config
from tritag.models.training import compute as compute_module
from tritag.models.training.compute import Compute
from tritag.models.training.evaluate import scores
from tritag.models.training.training import train
from tritag.quant.recipe import Recipe, fresh_tagger, make_recipe

pytestmark = pytest.mark.usefixtures("one_thread")
TWO_STEPS = {"iterations": 2, "batch_size": 16, "micro_batch": 8, "validate_every": 2, "seed": 5}
TAGGERS = [
    "transformer-2k",
    "lloca-trigger-fast-2k",
    "lloca-local-2k",
    "lloca-global-2k",
    "lgatr-slim-2k",
    "part-deep-2k",
]
CASES = [f"{name} {precision}" for name in TAGGERS for precision in ("float", "int8-ternary")]
CASES += [f"transformer-2k {x}" for x in precision_names() if f"transformer-2k {x}" not in CASES]
ALWAYS = {"lloca-trigger-fast-2k float", "transformer-2k int8-ternary"}


@pytest.fixture
def elsewhere(monkeypatch: pytest.MonkeyPatch) -> Compute:
    monkeypatch.setattr(compute_module, "_KNOWN", re.compile(f"cpu|{NAME}"))
    monkeypatch.setattr(
        sys.modules["torch.optim.optimizer"], "_get_fused_kernels_supported_devices", lambda: ["cpu", NAME]
    )
    return Compute(NAME)


def toy_jets(recipe: Recipe) -> CodedJets:
    codes, count = random_jets(np.random.default_rng(1), 48, recipe.tagger.n_constituents)
    return CodedJets(torch.from_numpy(codes), torch.from_numpy(count)[:, None].long(), torch.arange(48) % 2)


@pytest.mark.parametrize("case", often(CASES, set(CASES) - ALWAYS))
def test_training_elsewhere_gives_the_same_weights(case: str, elsewhere: Compute, tmp_path: Path) -> None:
    name, precision = case.split()
    recipe = make_recipe(load_tagger_config(name, 5), "tiny", precision, training=TWO_STEPS)
    jets, config = toy_jets(recipe), recipe.quant_training or recipe.training
    here, there = fresh_tagger(recipe), fresh_tagger(recipe)
    train(here, jets, jets, config, tmp_path / "here", progress=False, compute=Compute("cpu"))
    expected = scores(here, jets)
    with other_device():
        train(there, jets, jets, config, tmp_path / "there", progress=False, compute=elsewhere)
        assert {p.device.type for p in there.parameters()} == {NAME}
        got = scores(there, jets)
        there.to("cpu")
    assert np.array_equal(scores(there, jets), expected)
    assert np.array_equal(got, expected)
    for key, tensor in here.state_dict().items():
        assert torch.equal(there.state_dict()[key], tensor), key


def test_a_quantized_training_says_that_it_is_not_compiled(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(torch, "compile", lambda outputs: pytest.fail("a quantized training must not be compiled"))
    recipe = make_recipe(load_tagger_config("transformer-2k", 5), "tiny", "int8", training=TWO_STEPS)
    jets, config = toy_jets(recipe), recipe.quant_training
    assert config is not None
    compute = Compute("cpu", compiled=True)
    train(fresh_tagger(recipe), jets, jets, config, tmp_path, progress=False, compute=compute)
    assert "a quantized training is not compiled" in caplog.text


@pytest.mark.parametrize(
    ("device", "message"),
    [
        ("gpu", "device must be cpu, cuda or cuda:NUMBER, got 'gpu'; correct it"),
        ("cuda:99", "device cuda:99 must be there, but PyTorch sees .* GPUs.*; choose --device cpu"),
    ],
)
def test_a_device_that_is_not_there(device: str, message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        Compute(device).find()


def test_the_device_of_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for value, expected in (("", "cpu"), ("cuda:99", "cuda:99")):
        monkeypatch.setenv("TRITAG_DEVICE", value)
        assert Compute().device == expected


def test_operations_in_order_are_asked_for_inside_alone() -> None:
    with Compute("cpu", deterministic=True).placed():
        assert torch.are_deterministic_algorithms_enabled()
    assert not torch.are_deterministic_algorithms_enabled()
    assert Compute("cpu").facts() == {"device": "cpu", "deterministic": False, "compiled": False}
