"""Options that a mode of a command would ignore are refused: nothing that was typed is without effect."""

from __future__ import annotations

import pytest

from tritag import cli

SURPLUS = {
    "train --list --seed 1": "got --seed",
    "train transformer-2k --list": "got tagger",
    "cost --list --constituents 8": "got --constituents",
    "cost --run any --precision int8 -K 8": "got --constituents, --precision",
    "check any.onnx --target vu13p": "got --target",
    "rtl any --clocks 240 --jets 3 --name other": "got --jets, --name",
    "rtl --run any --vendor-report a.rpt --clocks 240": "got --clocks",
    "sweep best --retry": "got --retry",
    "sweep any --emit condor --processes 2": "got --processes",
    "sweep any --point 0 --emit condor": "got --point",
    "sweep any --point 0 --scheduler tcp://host:1": "got --scheduler",
}


@pytest.mark.parametrize("call", SURPLUS)
def test_what_a_mode_would_ignore_is_refused(call: str, capsys: pytest.CaptureFixture[str]) -> None:
    """Before anything is opened, also where the default is asked for; what can stand there is named."""
    assert cli.run(call.split()) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert "can be given with" in line
    assert f"{SURPLUS[call]}; leave it out" in line


@pytest.mark.parametrize(
    ("call", "said"),
    [
        ("report one --out page.html", "--out is for the page of several runs, got page.html and one run"),
        ("report one two --run three", "name one run, got 'one' and --run 'three'; leave --run out"),
    ],
)
def test_a_report_s_options(call: str, said: str, capsys: pytest.CaptureFixture[str]) -> None:
    """One run's page has its place, and several runs are named one way."""
    assert cli.run(call.split()) == 2
    assert said in capsys.readouterr().err


def test_what_a_mode_uses_goes_on(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    """The older ``--run`` is a name of the run; a variable for many calls is no option of this one."""
    monkeypatch.setenv("TRITAG_DEVICE", "cuda")
    assert cli.run(["train", "--list", "--json"]) == 0
    assert cli.run(["rtl", "--run", "no-such-run", "--clocks", "240", "--beats", "3"]) == 2
    assert "no-such-run" in capsys.readouterr().err
