"""Settings: numbers as people write them, every number finite and in range, every setting used or refused, and checked
before anything costly begins."""

from __future__ import annotations

import dataclasses
import time
from typing import Any

import pytest

from tests.helpers.jets import SAMPLE
from tritag import cli
from tritag.configs import build, config_names
from tritag.data.simulation.config import DataConfig, load_data_config
from tritag.errors import ConfigError, DataError, TritagError
from tritag.hls_projects.target import TargetConfig
from tritag.models.nets.head import HeadConfig
from tritag.models.nets.lgatr_slim import SlimConfig
from tritag.models.nets.lloca import LLoCaConfig
from tritag.models.nets.particle_transformer import ParTConfig
from tritag.models.nets.registry import TaggerConfig, load_tagger_config, tagger_names
from tritag.models.nets.transformer import TransformerConfig
from tritag.models.training.config import TrainingConfig
from tritag.pipeline import jets
from tritag.pipeline.recipes import parse_changes, recipe_of, require_distinct
from tritag.quant.config import QuantConfig
from tritag.quant.recipe import make_recipe
from tritag.structured import dump_yaml, parse_yaml

TARGET = {"part": "xcvu13p-flga2577-2-e", "clock_period_ns": 2.5, "interval_cycles": 9}
DATA = {"train": {"signal": 1, "background": 1}, "val": {"signal": 1, "background": 1}}
DATA["test"] = dict(DATA["val"])
ALL: dict[type, dict[str, Any]] = {
    TargetConfig: TARGET,
    DataConfig: DATA,
    TaggerConfig: {"network": "transformer"},
    TrainingConfig: {},
    QuantConfig: {},
    HeadConfig: {},
    TransformerConfig: {},
    LLoCaConfig: {},
    ParTConfig: {},
    SlimConfig: {},
}


@pytest.mark.parametrize(
    ("text", "number"),
    [
        *[("1e-3", 1e-3), ("1e2", 100.0), ("1E+2", 100.0), ("1_000", 1000), (".5", 0.5), ("5.", 5.0), ("+3", 3)],
        *[("-2.5e-1", -0.25), ("010", 10), ("1_0.5e3", 10500.0), (".inf", float("inf")), ("-inf", float("-inf"))],
    ],
)
def test_numbers_as_people_write_them(text, number):
    assert parse_yaml(f"a: {text}", "file") == {"a": number}
    assert parse_changes([f"training.learning_rate={text}"])["training"] == {"learning_rate": number}


@pytest.mark.parametrize("text", ["1:30", "0x10", "1,000", "1e", "1__0", "N", "info", "'1e3'"])
def test_what_is_no_number_stays_a_word(text):
    assert parse_yaml(f"a: {text}", "file") == {"a": text.strip("'")}
    with pytest.raises(ConfigError, match="must be int, got "):
        build(TrainingConfig, parse_changes([f"training.iterations={text}"])["training"])


def test_a_whole_number_may_be_written_with_an_exponent():
    assert build(TrainingConfig, {"iterations": 1e2, "learning_rate": 1}).iterations == 100
    assert build(DataConfig, {**DATA, "train": {"signal": 1e3, "background": 2}}).train["signal"] == 1000
    for bad in (1.5, float("inf"), float("nan"), 10**400):
        with pytest.raises(ConfigError):
            build(TrainingConfig, {"iterations": bad})


def test_what_is_written_is_read_back():
    """Words that look like numbers, such as a digest, keep being words."""
    plain = {"digest": "12345e67", "word": "inf", "id": "0123", "small": 1e-7, "large": 1e22, "n": 3, "text": "1_0"}
    assert parse_yaml(dump_yaml(plain), "file") == plain


def test_options_take_numbers_as_people_write_them(capsys):
    assert cli.run(["data", "info", "--help"]) == 0
    assert cli.run(["train", "transformer-2k", "--data", "tiny", "--iterations", "1.5"]) == 2
    assert "--iterations" in capsys.readouterr().err
    # Read as a number, and then contradicted.
    assert cli.run(["train", "transformer-2k", "--iterations", "1e1", "--set", "training.iterations=20"]) == 2
    assert "training.iterations must be given once, got '10' and '20'; leave one out" in capsys.readouterr().err


def test_contradicting_changes_are_refused():
    require_distinct(["training.seed=2", "training.seed=2", "sizes.blocks=1"])
    with pytest.raises(ConfigError, match=r"sizes\.blocks must be given once, got '1' and '2'; leave one out"):
        require_distinct(["sizes.blocks=1", "training.seed=2", "sizes.blocks=2"])


@pytest.mark.parametrize(
    ("call", "setting"),
    [
        (["train", "--seed", "1", "--set", "training.seed=3"], "training.seed must be given once, got '1' and '3'"),
        (["demo", "--iterations", "10", "--set", "training.iterations=20"], "training.iterations must be given once, "),
        (
            ["demo", "--set", "sizes.blocks=1", "--set", "sizes.blocks=2"],
            "sizes.blocks must be given once, got '1' and",
        ),
    ],
)
def test_an_option_and_a_setting_that_contradict_each_other_are_refused(call, setting, capsys):
    """Also where the option asks for its default."""
    command, *given = call
    assert cli.run([command, "transformer-2k", "--data", str(SAMPLE), *given]) == 2
    assert setting in capsys.readouterr().err


def test_without_the_option_the_setting_counts(monkeypatch):
    asked = []

    def stop(tagger, recipe, *_, **__):
        asked.append((recipe.training.iterations, recipe.training.seed))
        raise ConfigError("stopped")

    monkeypatch.setattr("tritag.pipeline.demo.train_run", stop)
    monkeypatch.setattr("tritag.pipeline.train.train_run", stop)
    for call in (["demo"], ["demo", "--set", "training.iterations=20"], ["train", "--set", "training.seed=3"]):
        assert cli.run([call[0], "transformer-2k", "--data", str(SAMPLE), *call[1:]]) == 2
    assert asked[0] == (2500, 1)
    assert asked[1] == (20, 1)
    assert asked[2][1] == 3


def _numbers() -> list[tuple[type, str, type]]:
    names = {"int": int, "float": float, "float | None": float, "int | None": int}
    return [(cls, f.name, names[str(f.type)]) for cls in ALL for f in dataclasses.fields(cls) if str(f.type) in names]


@pytest.mark.parametrize(("cls", "name", "kind"), _numbers(), ids=lambda x: getattr(x, "__name__", x))
def test_every_number_is_finite_and_in_range(cls, name, kind):
    """From a file and from Python: no number that is none, is infinite, negative, or beyond all use is taken."""
    bad = [-1, 10**30] if kind is int else [float("nan"), -20.0, float("inf")]
    if name == "gradient_clip":  # infinity switches it off
        assert build(TrainingConfig, {"gradient_clip": float("inf")}).gradient_clip == float("inf")
        bad.pop()
    for value in bad:
        for make in (lambda v: build(cls, v), lambda v: cls(**v)):
            with pytest.raises(TritagError, match=name):
                make({**ALL[cls], name: value})


@pytest.mark.parametrize("part", ["", " ", "xcvu13p flga", "x\n", "p;exec"])
def test_a_part_is_a_name(part):
    with pytest.raises(ConfigError, match="part must be a part's full name"):
        build(TargetConfig, {**TARGET, "part": part})


@pytest.mark.parametrize(
    ("tagger", "precision", "settings", "message"),
    [
        (
            "transformer-2k",
            "float",
            {"quant": {"activation_bits": 6}},
            "float has no quantized training, so that q",
        ),
        ("transformer-2k", "float", {"quant_training": {"iterations": 6}}, r"quant_training\.iterations would have no"),
        ("transformer-2k", "int8", {"quant": {"frame_vector_bits": 12}}, "no effect on network transformer"),
        ("transformer-2k", "int8", {"quant": {"low_bit_layers": ["embed"]}}, "no effect with weights: int8"),
        ("transformer-2k", "int8-ternary", {"quant": {"parq_start": 0.1}}, "no effect with weight_method: ste, only"),
        (
            "transformer-2k",
            "int8",
            {"quant": {"bit_granularity": "tensor"}},
            "no effect with weights: int8, only",
        ),
        ("transformer-2k", "int8", {"quant": {"bit_penalty": 0.1}}, "bit_penalty has no effect without learned widths"),
        ("transformer-2k", "asymmetric-int8", {"quant": {"residual_bits": 9}}, "and activations: asymmetric; leave it"),
    ],
)
def test_a_setting_without_effect_is_refused(tagger, precision, settings, message):
    with pytest.raises(ConfigError, match=message):
        make_recipe(load_tagger_config(tagger), "tiny", precision, **settings)


def test_a_setting_with_effect_is_taken():
    tagger = load_tagger_config("lloca-local-2k", 3)
    given = {"frame_vector_bits": 12, "residual_bits": 10, "incremental_end": 0.5, "distillation": 0.5}
    recipe = make_recipe(tagger, "tiny", "int8-ternary-incremental", quant=given)
    assert {name: getattr(recipe.quant, name) for name in given} == given


def test_a_head_or_a_set_has_no_idle_settings():
    with pytest.raises(ConfigError, match=r"have no effect without head\.regression, got 1\.0 and huber"):
        HeadConfig(regression_weight=1.0)
    with pytest.raises(ConfigError, match="top_mass_gev has no effect on quark-gluon"):
        build(DataConfig, {**_counts("quark", "gluon"), "process_set": "quark-gluon", "top_mass_gev": 172.0})


def _counts(*classes: str) -> dict[str, Any]:
    return {split: dict.fromkeys(classes, 1) for split in ("train", "val", "test")}


@pytest.mark.parametrize("data", config_names("data"))
def test_defaults_work_on_every_shipped_set(data):
    settings = load_data_config(data)
    for tagger in tagger_names():
        if load_tagger_config(tagger).fields and not settings.fields:
            with pytest.raises(DataError, match=f"{data} must have pf_id for the field id of the tagger, got none"):
                recipe_of(tagger, data, None, "float", ())
            continue
        recipe = recipe_of(tagger, data, None, "float", ())
        assert recipe.training.batch_size <= sum(settings.train.values())
        assert recipe.tagger.head.binary == (len(settings.classes) == 2)
        assert recipe.tagger.head.classes == (settings.classes if len(settings.classes) > 2 else ())


def test_settings_are_checked_before_the_costly_step(monkeypatch):
    """No jet is generated or read for a recipe that cannot be trained."""
    monkeypatch.setattr(jets, "ensure_data", lambda *_: pytest.fail("jets must not be made"))
    began = time.monotonic()
    for data, changes, message in (
        (
            "five-classes-tiny",
            ["training.batch_size=126"],
            r"batch_size must be <= .* got 126 > 125",
        ),
        ("tiny", ["quant_training.batch_size=1e4"], r"quant_training\.batch_size must be <= .*, got 10000 > 200"),
        (
            str(SAMPLE),
            ["training.batch_size=300"],
            r"batch_size must be <= the number of .*, got 300 >",
        ),
    ):
        with pytest.raises(ConfigError, match=message):
            recipe_of("transformer-2k", data, None, "int8", changes)
    with pytest.raises(DataError, match=r"tiny must have the head's classes \['W', 'gluon'\] in this order"):
        recipe_of("transformer-2k", "tiny", None, "float", ["head.classes=[W, gluon]"])
    with pytest.raises(DataError, match="five-classes must have two classes for a binary head, got 5"):
        recipe_of("transformer-2k", "five-classes", None, "float", ["head.classes=[]"])
    assert time.monotonic() - began < 5
