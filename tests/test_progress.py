"""Progress of a piece of work: a bar on a terminal, lines elsewhere, nothing when it is not wanted."""

from __future__ import annotations

import io
import re

import pytest
from rich.console import Console

from tritag import progress
from tritag.progress import Progress, track


@pytest.fixture
def terminal(monkeypatch: pytest.MonkeyPatch) -> io.StringIO:
    """What a terminal shows."""
    screen = io.StringIO()
    monkeypatch.setattr(progress, "Console", lambda **_: Console(file=screen, force_terminal=True, width=120))
    return screen


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """The time in seconds, which a test may set."""
    now = [100.0]
    monkeypatch.setattr(progress.time, "monotonic", lambda: now[0])
    return now


def test_lines_have_rate_and_time_left(capsys: pytest.CaptureFixture[str], clock: list[float]) -> None:
    with Progress("jets.h5", 1000, "jets", done=100, closing=True) as shown:
        clock[0] += 29
        shown.advance(100)
        clock[0] += 1
        shown.advance(200, note="two cores")
        shown.advance(0)
        clock[0] += 60
        shown.advance(600)
    lines = capsys.readouterr().err.splitlines()
    assert lines == [
        "jets.h5: 100 of 1,000 jets are there already",
        "jets.h5: 400 of 1,000 jets, 10.0 jets/s, two cores, about 1.0 min left",
        "jets.h5: 1,000 of 1,000 jets, 10.0 jets/s, two cores, about 0.0 min left",
        "jets.h5: 900 jets in 90 s",
    ]


def test_slow_work_has_a_rate_by_the_hour(capsys: pytest.CaptureFixture[str], clock: list[float]) -> None:
    with Progress("study", 3, "trainings", line_period_s=0) as shown:
        clock[0] += 240
        shown.advance()
    assert capsys.readouterr().err == "study: 1 of 3 trainings, 15.0 trainings/h, about 8.0 min left\n"


def test_unequal_units_are_weighed_by_their_share(capsys: pytest.CaptureFixture[str], clock: list[float]) -> None:
    with Progress("Yosys", 10, "modules", line_period_s=0) as shown:
        shown.update(0, 0.0)
        clock[0] += 60
        shown.update(9, 0.25)
    first, second = capsys.readouterr().err.splitlines()
    assert first == "Yosys: 0 of 10 modules, time left unknown"
    assert second.startswith("Yosys: 9 of 10 modules, ")
    assert second.endswith("about 3.0 min left")


def test_a_short_or_silent_piece_of_work_leaves_no_line(capsys: pytest.CaptureFixture[str]) -> None:
    assert list(track(range(3), "items")) == [0, 1, 2]
    with Progress("hidden", 3, show=False, line_period_s=0, closing=True) as shown:
        shown.advance(3)
    assert capsys.readouterr() == ("", "")


def test_an_error_ends_without_the_closing_line(capsys: pytest.CaptureFixture[str]) -> None:
    def fail() -> None:
        with Progress("jets", 3, closing=True):
            raise KeyError

    with pytest.raises(KeyError):
        fail()
    assert capsys.readouterr().err == ""


def test_a_terminal_shows_a_bar(terminal: io.StringIO) -> None:
    with Progress("[name] of a run", 4, "jets") as shown:
        assert shown.on_terminal
        shown.advance(4)
    text = re.sub(r"\x1b\[[0-9;?]*[a-zA-Z]", "", terminal.getvalue())
    assert "[name] of a run" in text
    assert "4/4 jets" in text


def test_nothing_to_do_is_all_done() -> None:
    with Progress("none", 0, show=False) as shown:
        shown.advance(0)
