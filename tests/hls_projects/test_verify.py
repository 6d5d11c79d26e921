"""The bit check's verdict: counts, distances, the first layer that differs."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pytest

from tritag.errors import CheckFailed
from tritag.hls_projects.verify import Verdict, compare, first_different_layer, require_equal, verify
from tritag.progress import Progress


class Fake:
    """An executor that adds a constant to every third jet."""

    def __init__(self, name: str, error: int = 0, layers: dict[str, int] | None = None) -> None:
        self.name, self.error, self.shift = name, error, layers or {}
        self.graph = SimpleNamespace(layers=[SimpleNamespace(name=n) for n in ("first", "second", "third")])

    def run(self, codes: np.ndarray, count: np.ndarray, progress: object = None) -> np.ndarray:
        return count * 10 + self.error * (np.arange(len(count)) % 3 == 1)

    def layers(self, codes: np.ndarray, count: np.ndarray) -> dict[str, np.ndarray]:
        return {name: count[:, None] + error for name, error in self.shift.items()}


CODES, COUNT = np.zeros((9, 2, 3), np.int64), np.arange(9)


def test_equal_executors():
    verdicts = verify([Fake("pytorch"), Fake("qonnx")], CODES, COUNT)
    assert verdicts == [Verdict("pytorch", 9, 0, 0), Verdict("qonnx", 9, 0, 0)]
    require_equal(verdicts)


def test_differences_are_counted_and_shown():
    _, verdict = verify([Fake("pytorch"), Fake("csim", error=-4)], CODES, COUNT)
    assert (verdict.jets, verdict.differ, verdict.largest_lsb) == (9, 3, 4)
    assert verdict.first[0] == {"jet": 1, "reference": 10, "given": 6}
    assert verdict.as_dict()["executor"] == "csim"
    message = r"must give the same integers as pytorch; csim: 3 of 9 jets differ, by up to 4 LSB$"
    with pytest.raises(CheckFailed, match=message):
        require_equal([Verdict("pytorch", 9, 0, 0), verdict])


def test_the_first_layer_and_the_progress_are_asked_for():
    watched = []

    def watch(name, jets):
        watched.append((name, jets))
        return Progress(name, jets, show=False)

    right = Fake("pytorch", layers={"first": 0, "second": 0, "third": 0})
    wrong = Fake("csim", error=-4, layers={"first": 0, "second": 1, "third": 1})
    asked = []
    first, second = verify(
        [right, wrong], CODES, COUNT, watch=watch, traced=lambda executor: asked.append(executor) or executor
    )
    assert watched == [("pytorch", 9), ("csim", 9)]
    assert asked == [wrong]
    assert (first.first_layer, second.first_layer) == (None, "second")


@pytest.mark.parametrize("output", range(7))
def test_every_output_is_compared(output):
    reference = np.arange(70).reshape(10, 7)
    given = reference.copy()
    given[3, output] += 2
    given[8, 6] -= 1
    verdict = compare("csim", reference, given)
    assert (verdict.jets, verdict.differ, verdict.largest_lsb) == (10, 2, 2)
    expected = 21 + output
    assert verdict.first[0] == {"jet": 3, "output": output, "reference": expected, "given": expected + 2}
    assert compare("csim", reference, reference).differ == 0
    assert compare("csim", reference[:0], reference[:0]).differ == 0
    with pytest.raises(CheckFailed, match=r"csim must answer for \(10, 7\) jets, got \(10, 6\)"):
        compare("csim", reference, given[:, :6])


def test_only_the_first_offenders_are_shown():
    verdict = compare("csim", np.zeros(100, np.int64), np.ones(100, np.int64))
    assert (verdict.differ, len(verdict.first)) == (100, 5)


def test_missing_answers_fail():
    with pytest.raises(CheckFailed, match=r"csim must answer for \(3,\) jets, got \(2,\)"):
        compare("csim", np.zeros(3, np.int64), np.zeros(2, np.int64))


def test_first_layer_that_differs():
    reference = Fake("pytorch", layers={"first": 0, "second": 0, "third": 0})
    assert (
        first_different_layer(reference, Fake("a", layers={"first": 0, "second": 2, "third": 5}), CODES, COUNT)
        == "second"
    )
    assert first_different_layer(reference, Fake("a", layers={"first": 0, "third": 0}), CODES, COUNT) is None
    verdict = compare("csim", np.zeros(2, np.int64), np.ones(2, np.int64), first_layer="second")
    with pytest.raises(CheckFailed, match=r"csim: 2 of 2 jets differ, by up to 1 LSB, first in second"):
        require_equal([Verdict("pytorch", 2, 0, 0), verdict])
