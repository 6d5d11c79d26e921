"""Training of heads with several outputs, and fine-tuning: a body under another head, at a rate of its own."""

from __future__ import annotations

import dataclasses

import pytest
import torch
from torch import nn

from tests.helpers.heads import HEAD, class_jets
from tritag.errors import ConfigError, RunError
from tritag.models.nets.head import BINARY, HeadConfig
from tritag.models.nets.registry import TaggerConfig, make_tagger
from tritag.models.training.checkpoint import read_history
from tritag.models.training.evaluate import evaluate, scores
from tritag.models.training.start import StartConfig, in_head, load_body, weights_hash
from tritag.models.training.training import TrainingConfig, seed_everything, train
from tritag.models.training.weights import write_weights

pytestmark = pytest.mark.usefixtures("one_thread")

CONFIG = TrainingConfig(iterations=24, batch_size=40, micro_batch=16, validate_every=7, learning_rate=0.02, seed=3)
SIZES = {"blocks": 1, "channels": 8, "heads": 2}


class Killed(BaseException):
    """What a test raises instead of a kill."""


class Bomb(nn.Module):
    """Ends a training at a step."""

    def __init__(self, at: int) -> None:
        super().__init__()
        self.at = at

    def on_step(self, step: int, total: int) -> None:
        if step == self.at:
            raise Killed


def make(head=HEAD, kill_at=-1, sizes=SIZES):
    seed_everything(11)
    tagger = make_tagger(TaggerConfig("transformer", 6, dict(sizes), head=head))
    tagger.bomb = Bomb(kill_at)
    return tagger


@pytest.fixture(scope="module")
def jets():
    return class_jets(200, seed=1), class_jets(100, seed=2)


@pytest.fixture
def pretrained(tmp_path):
    torch.manual_seed(5)
    tagger = make_tagger(TaggerConfig("transformer", 6, dict(SIZES), head=HEAD))
    write_weights(tmp_path / "weights.safetensors", tagger)
    return tagger, tmp_path / "weights.safetensors"


def test_learns_classes_and_ratios(tmp_path):
    tagger, jets = make(), (class_jets(1000, seed=1), class_jets(500, seed=2))
    config = dataclasses.replace(CONFIG, iterations=150, validate_every=50, batch_size=100, micro_batch=50)
    before = evaluate(tagger, jets[1], head=HEAD)
    result = train(tagger, *jets, config, tmp_path, head=HEAD, progress=False)
    assert result.final == evaluate(tagger, jets[1], head=HEAD)
    assert result.final.auc.value > before.auc.value + 0.1
    # the ratios follow from the class, so a tagger that knows it narrows them
    for after in result.final.regression:
        assert after.resolution.value < after.resolution_before.value
    assert scores(tagger, jets[1]).shape == (500, 7)
    assert [line["auc"] for line in read_history(tmp_path)][-1] == result.final.auc.value
    assert result.as_dict()["best"]["regression"][0]["quantity"] == "pt"


@pytest.mark.parametrize(("head", "body_rate"), [(HEAD, 1.0), (HEAD, 0.1), (HeadConfig(regression=("pt",)), 1.0)])
def test_a_killed_training_ends_with_the_same_weights(jets, toy_jets, tmp_path, head, body_rate):
    if head.binary:
        jets = [dataclasses.replace(toy_jets(len(x)), ratios=x.ratios) for x in jets]
    config = dataclasses.replace(CONFIG, keep="best")
    options = {"head": head, "body_rate": body_rate, "progress": False}
    whole = train(make(head), *jets, config, tmp_path / "whole", **options)
    with pytest.raises(Killed):
        train(make(head, kill_at=17), *jets, config, tmp_path / "killed", **options)
    resumed = train(make(head), *jets, config, tmp_path / "killed", **options)
    assert resumed.resumed_at == 14
    assert resumed.weights.read_bytes() == whole.weights.read_bytes()
    assert (resumed.final, resumed.best) == (whole.final, whole.best)


def test_checkpoint_of_another_head_rate_or_truth_is_refused(jets, tmp_path):
    with pytest.raises(Killed):
        train(make(kill_at=9), *jets, CONFIG, tmp_path, head=HEAD, progress=False)
    heavier = dataclasses.replace(HEAD, regression_weight=2.0)
    with pytest.raises(RunError, match="got other settings: head "):
        train(make(), *jets, CONFIG, tmp_path, head=heavier, progress=False)
    with pytest.raises(RunError, match=r"got other settings: body_rate None -> 0\.5"):
        train(make(), *jets, CONFIG, tmp_path, head=HEAD, body_rate=0.5, progress=False)
    other = dataclasses.replace(jets[0], ratios=jets[0].ratios * 1.5)
    with pytest.raises(RunError, match=r"other settings: training_jets \w+ -> \w+;"):
        train(make(), other, jets[1], CONFIG, tmp_path, head=HEAD, progress=False)


def test_the_body_comes_along_and_the_head_is_fresh(pretrained):
    source, path = pretrained
    tagger, fresh = make(BINARY), make(BINARY)
    load_body(tagger, path, "pretrained")
    for name, tensor in tagger.state_dict().items():
        expected = fresh if in_head(name) else source
        assert torch.equal(tensor, expected.state_dict()[name]), name
    assert tagger.head.weight.shape == (1, 8)


def test_the_body_learns_at_its_own_rate(pretrained, toy_jets, tmp_path):
    _, path = pretrained
    moved = {}
    for rate in (0.0, 0.1, 1.0):
        tagger = make(BINARY)
        load_body(tagger, path, "pretrained")
        before = {name: p.detach().clone() for name, p in tagger.named_parameters()}
        config = dataclasses.replace(CONFIG, iterations=3)
        train(tagger, toy_jets(80), toy_jets(60, seed=2), config, tmp_path / str(rate), body_rate=rate, progress=False)
        moved[rate] = {name: (p - before[name]).abs().max().item() for name, p in tagger.named_parameters()}
        assert moved[rate]["head.weight"] > 0
    assert all(not change for name, change in moved[0.0].items() if not in_head(name))
    for name in ("embed.weight", "blocks.0.query.weight"):
        assert 0 < moved[0.1][name] < 0.3 * moved[1.0][name]


def test_bodies_that_do_not_fit_are_refused(pretrained):
    _, path = pretrained
    with pytest.raises(
        RunError, match=r"the body of big must be .* have another shape \(first: blocks.0.contract.bias"
    ):
        load_body(make(sizes=SIZES | {"channels": 16}), path, "big")
    with pytest.raises(
        RunError, match=r"the body of deep must be .*12 tensors are in one of them only \(first: blocks.1"
    ):
        load_body(make(sizes=SIZES | {"blocks": 2}), path, "deep")
    with pytest.raises(RunError, match="weights must exist, got no file"):
        load_body(make(), path.with_name("none"), "gone")


def test_start_config(pretrained):
    _, path = pretrained
    start = StartConfig("run", weights_hash(path))
    assert len(start.weights) == 16
    path.write_bytes(path.read_bytes() + b" ")
    assert weights_hash(path) != start.weights
    with pytest.raises(ConfigError, match=r"body_rate must lie in \[0, 1\], got 1.5"):
        StartConfig("run", "0", 1.5)


def test_names_of_heads():
    assert in_head("head.weight")
    assert in_head("tagger.head.bias")
    assert not in_head("blocks.0.scale_heads.weight")
