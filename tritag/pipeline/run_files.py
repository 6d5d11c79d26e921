"""What the JSON files of a run directory hold, as far as another step reads them."""

from __future__ import annotations

from typing import NotRequired, TypedDict

from tritag.files import JsonObject


class MetricsFile(TypedDict):
    """``metrics.json``, which training writes.

    ``test`` are the figures on the test jets, ``training`` the end of the training, ``float_run`` the directory name of
    the float run that a quantized training started from, ``start`` where a fine-tuning began.
    """

    test: JsonObject
    training: JsonObject
    float_run: str | None
    start: NotRequired[JsonObject]


class DesignFile(TypedDict):
    """The part of ``rtl.json`` that decides the design: target, interval, beats, rule for DSPs, interface, name.

    ``target_settings`` is the target as it was read, ``most_beats`` the beats that the schedule was allowed; an earlier
    version wrote neither of them.
    """

    target: str
    interval: int
    beats: int
    target_settings: NotRequired[dict[str, str | int | float]]
    most_beats: NotRequired[int]
    dsp_bits: NotRequired[int]
    interface: NotRequired[str]
    name: NotRequired[str]
    version: NotRequired[int]


class VerdictFile(TypedDict):
    """The part of an entry of ``verify.json`` that others read: executor, jets compared, jets that differ.

    ``strength`` is how various they were; an earlier version did not write it.
    """

    executor: str
    jets: int
    differ: int
    strength: NotRequired[dict[str, int]]


class ScenarioFile(TypedDict):
    """A simulation of ``rtl.json``: jets, and how many of them differ."""

    jets: int
    differ: int


class RtlFile(DesignFile):
    """The part of ``rtl.json`` that says what a simulation found: cycles, None where none was run, and verdicts.

    ``strength`` is how various the simulated jets were; an earlier version did not write it.
    """

    latency_cycles: int | None
    scheduled_latency_cycles: int
    intervals_seen: list[int]
    scenarios: dict[str, ScenarioFile]
    strength: NotRequired[dict[str, int] | None]


class CsimFile(TypedDict):
    """The part of ``csim.json`` that others read: seconds of the compilation, name and version of the project.

    ``part`` is the FPGA that the project is for; an earlier version did not write it. ``golden`` is the verdict on the
    golden vectors, ``strength`` how various those are.
    """

    compile_s: float
    golden: VerdictFile
    strength: NotRequired[dict[str, int]]
    part: NotRequired[str]
    name: NotRequired[str]
    version: NotRequired[int]


# By option, executors that a verdict names otherwise.
_IN_VERDICTS = {"csim": "hls4ml-csim"}


def verdict_name(option: str) -> str:
    """How a verdict names the executor that ``--executors`` calls ``option``."""
    return _IN_VERDICTS.get(option, option)


def executor_option(name: str) -> str:
    """What ``--executors`` calls the executor that a verdict names."""
    return next((option for option, named in _IN_VERDICTS.items() if named == name), name)
