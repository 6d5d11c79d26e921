"""The configuration loader: names, keys, types, digests."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import dataclass, field
from typing import Literal

import pytest

from tritag.configs import build, config_names, digest, load_config
from tritag.errors import ConfigError
from tritag.models.nets.registry import load_tagger_config


@dataclass(frozen=True)
class Clock:
    """Nested part."""

    period_ns: float
    uncertainty: float = 0.1


@dataclass(frozen=True)
class Target:
    """Every kind of field that the loader knows."""

    part: str
    clock: Clock
    reuse: int = 1
    bits: tuple[int, ...] = (8,)
    mode: Literal["latency", "resource"] = "latency"
    io: Literal[1, 2] = 1
    limit: float | None = None
    fast: bool = False
    extra: dict[str, int] = field(default_factory=dict)


MINIMAL = {"part": "xcvu13p", "clock": {"period_ns": 2.5}}


@pytest.mark.parametrize("name", config_names("taggers"))
def test_every_tagger_file_is_valid(name):
    config = load_tagger_config(name)
    assert config.summary


def test_names_are_sorted_and_have_no_ending():
    names = config_names("taggers")
    assert names == sorted(names)
    assert "transformer-2k" in names


def test_an_unknown_file_name_offers_the_nearest():
    with pytest.raises(ConfigError, match=r"unknown tagger 'transfomer-2k'; did you mean 'transformer-2k'\? Valid: "):
        load_config("taggers", "transfomer-2k")


def test_a_file_outside_the_tree_is_read(tmp_path):
    path = tmp_path / "mine.yaml"
    path.write_text("network: transformer\nn_constituents: 8\n")
    assert load_config("taggers", path) == {"network": "transformer", "n_constituents": 8}
    assert load_config("taggers", str(path))["n_constituents"] == 8


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("", "must be a mapping of keys to values, got NoneType"),
        ("- 1\n", "must be a mapping of keys to values, got list"),
        ("a: [1\n", "must be YAML"),
        ("a: 1\n b: 2\n", "must be YAML"),
    ],
)
def test_a_file_that_is_no_mapping_is_refused(tmp_path, content, message):
    path = tmp_path / "mine.yaml"
    path.write_text(content)
    with pytest.raises(ConfigError, match=message):
        load_config("taggers", path)


def test_a_missing_file_is_refused(tmp_path):
    with pytest.raises(ConfigError, match=r"configuration file must exist, got .*none\.yaml; check the file"):
        load_config("taggers", tmp_path / "none.yaml")


def test_defaults_and_nested_parts_are_filled_in():
    assert build(Target, MINIMAL) == Target("xcvu13p", Clock(2.5))
    full = build(Target, {**MINIMAL, "bits": [4, 2], "mode": "resource", "limit": 3, "extra": {"a": 1}, "fast": True})
    assert (full.bits, full.mode, full.limit, full.extra, full.fast) == ((4, 2), "resource", 3.0, {"a": 1}, True)
    assert isinstance(full.limit, float)
    assert build(Target, {**MINIMAL, "limit": None}).limit is None
    assert build(Target, {**MINIMAL, "clock": Clock(1.0)}).clock.period_ns == 1.0


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"prat": "x"}, r"unknown key in Target 'prat'; did you mean 'part'\? Valid: bits, clock"),
        ({"clock": {"period": 1.0}}, r"unknown key in Target\.clock 'period'; did you mean 'period_ns'\?"),
        ({"clock": {}}, r"Target\.clock\.period_ns must be given; add the key 'period_ns'"),
        ({"clock": 2.5}, r"Target\.clock must be a mapping of keys to values, got 2\.5"),
        ({"clock": {"period_ns": "2.5"}}, r"Target\.clock\.period_ns must be float, got '2\.5'"),
        ({"clock": {"period_ns": True}}, r"Target\.clock\.period_ns must be float, got True"),
        ({"reuse": 1.5}, r"Target\.reuse must be int, got 1\.5"),
        ({"reuse": True}, r"Target\.reuse must be int, got True"),
        ({"reuse": None}, r"Target\.reuse must be int, got None"),
        ({"bits": 8}, r"Target\.bits must be a list, got 8"),
        ({"bits": [8, "4"]}, r"Target\.bits\[1\] must be int, got '4'"),
        ({"mode": "latncy"}, r"unknown value of Target\.mode 'latncy'; did you mean 'latency'\?"),
        ({"io": 3}, r"unknown value of Target\.io '3'; Valid: 1, 2"),
        ({"limit": "low"}, r"Target\.limit must be float, got 'low'"),
        ({"fast": "yes"}, r"Target\.fast must be bool, got 'yes'"),
        ({"part": 13}, r"Target\.part must be str, got 13"),
    ],
)
def test_a_wrong_key_or_value_is_refused(values, message):
    with pytest.raises(ConfigError, match=message):
        build(Target, {**MINIMAL, **values})


def test_the_digest_depends_on_content_alone():
    assert digest({"a": 1, "b": 2}) == digest({"b": 2, "a": 1})
    assert digest(Clock(2.5)) == digest({"uncertainty": 0.1, "period_ns": 2.5})
    assert digest({"a": (1, 2)}) == digest({"a": [1, 2]})
    assert digest({"a": 1}) != digest({"a": 2})
    assert len(digest({})) == 8


def test_the_digest_is_the_same_in_another_process():
    code = "from tritag.configs import digest; print(digest({'x': [1, 2.5, None, 'é'], 'set': 'b'}))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == digest({"x": [1, 2.5, None, "é"], "set": "b"})
