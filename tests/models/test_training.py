"""The training loop: same seed, same weights, whatever happens in between."""

from __future__ import annotations

import dataclasses
import io
import logging
import math

import pytest
import torch
from rich.console import Console
from torch import nn

from tritag import progress as progress_module
from tritag.errors import ConfigError, DataError, RunError, TritagError
from tritag.models.jets.inputs import prepare
from tritag.models.nets.head import BINARY
from tritag.models.nets.registry import load_tagger_config, make_tagger
from tritag.models.training.batches import Batches
from tritag.models.training.checkpoint import read_history
from tritag.models.training.evaluate import evaluate, scores
from tritag.models.training.gradients import add_gradients
from tritag.models.training.training import TrainingConfig, seed_everything, train
from tritag.models.training.weights import read_weights
from tritag.seals import unseal

pytestmark = pytest.mark.usefixtures("one_thread")

CONFIG = TrainingConfig(iterations=24, batch_size=32, micro_batch=16, validate_every=7, learning_rate=0.02, seed=3)


class Killed(BaseException):
    """What a test raises instead of a kill."""


class Schedule(nn.Module):
    """Hears every step; raises before the one it is told to."""

    def __init__(self) -> None:
        super().__init__()
        self.heard: list[tuple[int, int]] = []
        self.kill_at = -1

    def on_step(self, step: int, total: int) -> None:
        if step == self.kill_at:
            raise Killed
        self.heard.append((step, total))


def make(seed=11, kill_at=-1):
    seed_everything(seed)
    tagger = make_tagger(load_tagger_config("transformer-2k", 6))
    tagger.schedule = Schedule()
    tagger.schedule.kill_at = kill_at
    return tagger


@pytest.fixture
def jets(toy_jets):
    return toy_jets(100, seed=1), toy_jets(60, seed=2)


def weights_of(path):
    tagger = make(seed=99)
    read_weights(path, tagger)
    return tagger.state_dict()


def assert_same_weights(first, second):
    assert first.keys() == second.keys()
    for name in first:
        assert torch.equal(first[name], second[name]), name


def lines_without_time(directory):
    return [{k: v for k, v in line.items() if k != "jets_per_s"} for line in read_history(directory)]


def test_learns_and_tells_how(toy_jets, tmp_path):
    tagger, jets = make(), (toy_jets(800, seed=1), toy_jets(300, seed=2))
    config = dataclasses.replace(CONFIG, iterations=120, validate_every=40)
    before = evaluate(tagger, jets[1]).auc.value
    result = train(tagger, *jets, config, tmp_path)
    assert result.final.auc.value > before + 0.2
    assert result.final == evaluate(tagger, jets[1]), "the tagger holds the final weights"
    assert not tagger.training
    assert_same_weights(weights_of(result.weights), tagger.state_dict())
    assert sorted(p.name for p in tmp_path.iterdir()) == ["history.jsonl", "weights.safetensors"]
    assert (result.steps, result.jets_seen, result.resumed_at) == (120, 120 * 32, 0)
    assert result.jets_per_s > 0
    history = read_history(tmp_path)
    assert [line["step"] for line in history] == [40, 80, 120]
    assert history[-1]["loss"] < min(history[0]["loss"], math.log(2))
    assert history[-1]["auc"] == result.final.auc.value
    assert history[-1]["jets_seen"] == result.jets_seen
    assert history[-1]["learning_rate"] == pytest.approx(0.02 * math.sin(math.pi / 240) ** 2)
    assert result.as_dict()["best"]["auc"]["value"] == max(line["auc"] for line in history)


def test_modules_hear_every_step(jets, tmp_path):
    tagger = make()
    train(tagger, *jets, CONFIG, tmp_path)
    assert tagger.schedule.heard == [(step, 24) for step in range(24)]


@pytest.mark.parametrize("threads", [1, 2])
def test_same_seed_gives_the_same_weights(jets, tmp_path, threads):
    torch.set_num_threads(threads)
    taggers = [make(), make(), make()]
    for i, seed in enumerate((3, 3, 4)):
        # what the caller drew or differentiated before does not matter
        torch.manual_seed(i)
        taggers[i].embed.weight.grad = torch.full((16, 7), float(i))
        train(taggers[i], *jets, dataclasses.replace(CONFIG, seed=seed, iterations=8), tmp_path / str(i))
    assert_same_weights(taggers[0].state_dict(), taggers[1].state_dict())
    assert not torch.equal(taggers[0].embed.weight, taggers[2].embed.weight)


@pytest.mark.parametrize("keep", ["last", "best"])
@pytest.mark.parametrize(("kill_at", "every_s", "resumed_at"), [(3, 60, 0), (7, 60, 7), (17, 60, 14), (17, 1e-9, 17)])
def test_resumed_training_ends_with_the_same_weights(jets, tmp_path, kill_at, every_s, resumed_at, keep):
    config = dataclasses.replace(CONFIG, keep=keep)
    unbroken = train(make(), *jets, config, tmp_path / "unbroken")
    with pytest.raises(Killed):
        train(
            make(kill_at=kill_at), *jets, dataclasses.replace(config, checkpoint_every_s=every_s), tmp_path / "killed"
        )
    # without a checkpoint the initial weights count, with one they do not
    resumed = train(make(seed=77 if resumed_at else 11), *jets, config, tmp_path / "killed")
    assert resumed.resumed_at == resumed_at
    assert_same_weights(weights_of(unbroken.weights), weights_of(resumed.weights))
    assert (resumed.final, resumed.best, resumed.best_step) == (unbroken.final, unbroken.best, unbroken.best_step)
    assert lines_without_time(tmp_path / "killed") == lines_without_time(tmp_path / "unbroken")


@pytest.mark.parametrize("schedule", ["warm-restarts", "plateau", "constant"])
@pytest.mark.parametrize("optimizer", ["adam", "lion"])
def test_every_schedule_survives_a_kill(jets, tmp_path, schedule, optimizer):
    patient = {"plateau_patience": 0, "plateau_factor": 0.5} if schedule == "plateau" else {}
    config = dataclasses.replace(CONFIG, schedule=schedule, optimizer=optimizer, validate_every=3, **patient)
    unbroken = train(make(), *jets, config, tmp_path / "unbroken")
    with pytest.raises(Killed):
        train(make(kill_at=17), *jets, dataclasses.replace(config, checkpoint_every_s=1e-9), tmp_path / "killed")
    resumed = train(make(seed=77), *jets, config, tmp_path / "killed")
    assert resumed.resumed_at == 17
    assert_same_weights(weights_of(unbroken.weights), weights_of(resumed.weights))
    rates = [line["learning_rate"] for line in read_history(tmp_path / "killed")]
    assert rates == [line["learning_rate"] for line in read_history(tmp_path / "unbroken")]
    assert (len(set(rates)) > 1) == (schedule != "constant")


def test_kill_while_writing_a_checkpoint_keeps_the_one_before(jets, tmp_path, monkeypatch):
    unbroken = train(make(), *jets, CONFIG, tmp_path / "unbroken")
    save, calls = torch.save, []

    def save_half(content, file):
        calls.append(file)
        if len(calls) == 2:
            file.write(b"half a file")
            raise Killed
        save(content, file)

    monkeypatch.setattr(torch, "save", save_half)
    with pytest.raises(Killed):
        train(make(), *jets, CONFIG, tmp_path / "killed")
    # history is ahead of the checkpoint, and its last line is torn
    with (tmp_path / "killed" / "history.jsonl").open("a") as file:
        file.write('{"step": 21, "jets_s')
    (tmp_path / "killed" / ".checkpoint.0123.tmp.pt").write_bytes(b"left by a kill")
    resumed = train(make(), *jets, CONFIG, tmp_path / "killed")
    assert resumed.resumed_at == 7
    assert_same_weights(weights_of(unbroken.weights), weights_of(resumed.weights))
    assert lines_without_time(tmp_path / "killed") == lines_without_time(tmp_path / "unbroken")
    assert sorted(p.name for p in (tmp_path / "killed").iterdir()) == ["history.jsonl", "weights.safetensors"]


def test_kill_between_last_checkpoint_and_weights(jets, tmp_path, monkeypatch):
    def killed(*_):
        raise Killed

    with monkeypatch.context() as patch:
        patch.setattr("tritag.models.training.training.write_weights", killed)
        with pytest.raises(Killed):
            train(make(), *jets, CONFIG, tmp_path / "killed")
    resumed = train(make(), *jets, CONFIG, tmp_path / "killed")
    unbroken = train(make(), *jets, CONFIG, tmp_path / "unbroken")
    assert resumed.resumed_at == 24
    assert resumed.final == unbroken.final
    assert resumed.as_dict()["jets_per_s"] is None
    assert_same_weights(weights_of(unbroken.weights), weights_of(resumed.weights))
    assert len(read_history(tmp_path / "killed")) == 4


def test_checkpoint_of_another_training_is_refused(jets, toy_jets, tmp_path):
    with pytest.raises(Killed):
        train(make(kill_at=9), *jets, CONFIG, tmp_path)
    longer = dataclasses.replace(CONFIG, iterations=48, learning_rate=0.01)
    with pytest.raises(
        RunError, match=r"got other settings: iterations 24 -> 48, learning_rate 0.02 -> 0.01; train in"
    ):
        train(make(), *jets, longer, tmp_path)
    with pytest.raises(RunError, match=r"other settings: training_jets \w+ -> \w+;"):
        train(make(), toy_jets(100, seed=5), jets[1], CONFIG, tmp_path)
    other = make_tagger(load_tagger_config("transformer-20k", 6))
    with pytest.raises(RunError, match=r"other settings: tagger \w+ -> \w+;"):
        train(other, *jets, CONFIG, tmp_path)
    with pytest.raises(RunError, match="other settings: config  -> 8bit;"):
        train(make(), *jets, CONFIG, tmp_path, config_digest="8bit")
    assert train(make(), *jets, longer, tmp_path, fresh=True).resumed_at == 0
    assert len(read_history(tmp_path)) == 7


def test_finished_training_is_not_overwritten(jets, tmp_path):
    train(make(), *jets, CONFIG, tmp_path)
    with pytest.raises(RunError, match=r"must not hold a finished training, got weights.safetensors; .*fresh=True"):
        train(make(), *jets, CONFIG, tmp_path)
    train(make(), *jets, CONFIG, tmp_path, fresh=True)
    assert len(read_history(tmp_path)) == 4


def test_broken_checkpoint_is_named(jets, tmp_path):
    (tmp_path / "checkpoint.pt").write_bytes(b"no checkpoint")
    with pytest.raises(
        RunError,
        match=r"checkpoint.pt must be as tritag wrote it, .* it was damaged or changed; discard it with .*fresh",
    ):
        train(make(), *jets, CONFIG, tmp_path)


def test_loss_that_is_not_finite_stops_before_the_weights_are_spoilt(jets, tmp_path):
    tagger = make()

    class Poison(nn.Module):
        def on_step(self, step: int, total: int) -> None:
            if step == 10:
                with torch.no_grad():
                    tagger.head.bias.fill_(math.nan)

    tagger.poison = Poison()
    with pytest.raises(
        TritagError, match=r"training loss must be finite, got nan at step 10 of 24; lower learning_rate"
    ):
        train(tagger, *jets, CONFIG, tmp_path)
    content = torch.load(io.BytesIO(unseal(tmp_path / "checkpoint.pt", RunError, "again")), weights_only=True)
    assert content["state"]["step"] == 7
    assert all(tensor.isfinite().all() for tensor in content["model"].values())


def test_keep_best_writes_the_weights_of_the_best_validation(jets, tmp_path):
    # so large a learning rate that the last step is not the best
    config = dataclasses.replace(CONFIG, learning_rate=0.3, keep="best", validate_every=1)
    tagger = make()
    result = train(tagger, *jets, config, tmp_path)
    assert result.best_step < 24
    assert result.best.auc.value > result.final.auc.value
    assert evaluate(tagger, jets[1]) == result.best
    assert_same_weights(weights_of(result.weights), tagger.state_dict())


def test_micro_batches_add_up_to_the_gradient_of_the_batch(jets):
    gradients, losses = [], []
    for micro_batch in (32, 16, 5):
        tagger = make()
        prepared = prepare(tagger, jets[0], wanted=BINARY.wanted(jets[0]))
        losses.append(add_gradients(tagger, prepared, torch.arange(32), micro_batch))
        gradients.append([p.grad for p in tagger.parameters()])
    for other in (1, 2):
        assert losses[other] == pytest.approx(losses[0], rel=1e-6)
        torch.testing.assert_close(gradients[other], gradients[0], rtol=1e-4, atol=1e-7)


def test_batches_show_each_jet_once_per_epoch():
    batches = Batches(n_jets=10, batch_size=3, seed=1)
    epochs = [torch.cat([batches.at(step) for step in range(3 * e, 3 * e + 3)]) for e in range(4)]
    for epoch in epochs:
        assert len(set(epoch.tolist())) == 9
    assert not torch.equal(epochs[0], epochs[1])
    assert torch.equal(Batches(10, 3, 1).at(7), batches.at(7))
    assert not torch.equal(Batches(10, 3, 2).at(7), batches.at(7))


@dataclasses.dataclass(frozen=True)
class Wrapped:
    """Stands for an activation that is no tensor."""

    value: torch.Tensor

    def __getitem__(self, index):
        return Wrapped(self.value[index])

    @classmethod
    def cat(cls, parts):
        return cls(torch.cat([part.value for part in parts]))


@pytest.mark.parametrize(
    ("wrap", "unwrap"),
    [(lambda x: (x, x), lambda x: (x[0] + x[1]) / 2), (Wrapped, lambda x: x.value)],
    ids=["tuple", "object"],
)
def test_inputs_need_not_be_tensors(jets, tmp_path, monkeypatch, wrap, unwrap):
    plain, wrapped = make(), make()
    inputs, outputs = wrapped.inputs, wrapped.outputs
    monkeypatch.setattr(wrapped, "inputs", lambda codes, count: wrap(inputs(codes, count)), raising=False)
    monkeypatch.setattr(wrapped, "outputs", lambda x, count: outputs(unwrap(x), count), raising=False)
    assert len(prepare(wrapped, jets[0], chunk=33)) == 100
    train(plain, *jets, CONFIG, tmp_path / "plain")
    train(wrapped, *jets, CONFIG, tmp_path / "wrapped")
    assert_same_weights(plain.state_dict(), wrapped.state_dict())


def test_without_a_terminal_each_validation_is_a_log_line(jets, tmp_path, caplog, capsys):
    caplog.set_level(logging.INFO, logger="tritag")
    train(make(), *jets, CONFIG, tmp_path, name="mini")
    lines = [r.getMessage() for r in caplog.records if r.name == "tritag.models.jets.progress"]
    assert len(lines) == 4
    assert lines[-1].startswith("mini: step 24 of 24, loss 0.")
    assert "jets/s" in lines[-1]
    assert capsys.readouterr() == ("", "")


def test_terminal_shows_a_bar(jets, tmp_path, monkeypatch):
    screen = io.StringIO()
    monkeypatch.setattr(progress_module, "Console", lambda **_: Console(file=screen, force_terminal=True, width=120))
    tagger = make()
    train(tagger, *jets, CONFIG, tmp_path, name="mini")
    scores(tagger, jets[1], progress=True)
    assert "24/24" in screen.getvalue()
    assert "AUC 0." in screen.getvalue()


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"iterations": 0}, "iterations must be >= 1, got 0"),
        ({"micro_batch": -1}, "micro_batch must be >= 1, got -1"),
        ({"learning_rate": 0.0}, "learning_rate must be > 0, got 0.0"),
        ({"gradient_clip": math.nan}, "gradient_clip must be > 0, got nan"),
        ({"weight_decay": -0.1}, "weight_decay must be >= 0, got -0.1"),
        ({"keep": "first"}, "keep must be 'last' or 'best', got 'first'"),
    ],
)
def test_config_says_what_must_hold(values, message):
    with pytest.raises(ConfigError, match=message):
        TrainingConfig(**values)


def test_jets_that_cannot_be_trained_on_are_refused(jets, tmp_path):
    training, validation = jets
    with pytest.raises(ConfigError, match=r"batch_size must be <= the number of training jets, got 32 > 20"):
        train(make(), training[:20], validation, CONFIG, tmp_path)
    signal_only = validation[validation.label == 1]
    with pytest.raises(DataError, match="validation jets must hold signal and background"):
        train(make(), training, signal_only, CONFIG, tmp_path)
    unknown = dataclasses.replace(training, label=torch.where(training.label == 1, 1, -1))
    with pytest.raises(DataError, match=r"training jets must have labels 0 or 1, got \d+ of 100"):
        train(make(), unknown, validation, CONFIG, tmp_path)
