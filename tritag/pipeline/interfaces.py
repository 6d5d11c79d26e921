"""How a run's firmware takes jets: as integers, or as words; the exported file and the jets for either."""

from __future__ import annotations

from collections.abc import Sequence

from onnx import ModelProto

from tritag import advice
from tritag.errors import ConfigError, unknown_name
from tritag.export.model_file import read_model
from tritag.export.words import with_word_scores
from tritag.pipeline.opened import OpenedRun

INTERFACES = ("plain", "words")
# Verilog may have AXI4-Stream around its words.
VERILOG_INTERFACES = (*INTERFACES, "stream")


def model_of(opened: OpenedRun, interface: str = "plain") -> ModelProto:
    """The exported file, for firmware that answers in words, streamed or not, with the op for it behind its outputs.

    Raises
    ------
    ConfigError
        Unknown interface.
    ExportError
        What the run takes or gives has no words.
    """
    check_interface(interface, VERILOG_INTERFACES)
    model = read_model(opened.run.require("model.qonnx.onnx"))
    return with_word_scores(model) if interface != "plain" else model


def verilog_check(opened: OpenedRun, interface: str) -> str:
    """The command, in quotes, that checks a run's Verilog of an interface bit by bit."""
    words = ["--interface", "words"] if interface != "plain" else []
    return advice.command("verify", opened.directory, "--executors", "onnxruntime,verilog", *words)


def check_interface(interface: str, known: Sequence[str] = INTERFACES) -> None:
    """Refuse an interface that is not among those ``known``.

    Raises
    ------
    ConfigError
        Another name.
    """
    if interface not in known:
        raise ConfigError(unknown_name("interface", interface, known))
