"""``tritag cost``."""

from __future__ import annotations

import json

import pytest

from tritag import cli


def output(capsys: pytest.CaptureFixture[str], *arguments: str) -> str:
    assert cli.run(["cost", *arguments]) == 0
    return capsys.readouterr().out


def test_json_of_a_tagger(capsys):
    result = json.loads(output(capsys, "transformer-2k", "--precision", "int8-ternary", "--json"))
    assert result["bit_operations"] == 11088691.2
    assert result["constituents"] == 30
    assert result["macs"] == sum(stage["macs"] for stage in result["stages"].values())


def test_large_nets_of_the_paper(capsys):
    result = json.loads(output(capsys, "paper-slim", "--constituents", "50", "--precision", "f8-ternary", "--json"))
    assert result["energy_pj"] == 28577733.12


def test_table_and_list(capsys):
    assert "13,455,360" in output(capsys, "transformer-2k", "-K", "30", "--precision", "int8")
    assert "paper-part" in output(capsys, "--list").split()


def test_wrong_calls(capsys):
    for arguments, message in [
        (["transfomer-2k"], "did you mean 'transformer-2k'?"),
        (["transformer-2k", "--precision", "int8-ternry"], "did you mean 'int8-ternary'?"),
        (["transformer-2k", "-K", "0"], "constituents must be >= 1, got 0"),
        (["transformer-seed-2k"], "tritag cost --run RUN"),
        ([], "name either a tagger"),
    ]:
        assert cli.run(["cost", *arguments]) == 2
        assert message in capsys.readouterr().err
