"""Names of artefacts: what may be a name, and that no two places of a name meet."""

from __future__ import annotations

import pytest

from tritag.errors import ConfigError
from tritag.export.naming import MAX_LENGTH, Naming, default_name


@pytest.mark.parametrize("name", ["", "2k", "a-b", "a b", "a.b", "é", "top_quark\n", "a" * (MAX_LENGTH + 1)])
def test_a_name_that_no_tool_takes_is_refused(name):
    with pytest.raises(ConfigError, match="--name must be letters, digits and '_', not first a digit"):
        Naming(name)


@pytest.mark.parametrize("version", [-1, True, 1.0, "2"])
def test_a_version_is_a_whole_number(version):
    with pytest.raises(ConfigError, match="--version must be a whole number >= 0"):
        Naming("tagger", version)


def test_by_default_the_run_names_its_artefacts():
    naming = Naming.of_run("lloca-2k-k16-0a1b2c3d")
    assert naming == Naming("lloca_2k_k16_0a1b2c3d", 1)
    assert Naming.of_run("lloca-2k-k16-0a1b2c3d", "top_quark", 0).full == "top_quark_v0"


def test_a_long_run_name_keeps_its_digest():
    name = default_name("x" * 200 + "-0a1b2c3d")
    assert len(name) == MAX_LENGTH
    assert name.endswith("_0a1b2c3d")
    Naming(name)
