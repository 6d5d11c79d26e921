"""The base of all readers of integer programs: nobody misses an instruction."""

from __future__ import annotations

import pytest
import torch

from tritag.errors import ExportError
from tritag.export.functions import _FunctionWriter as OnnxWriter
from tritag.export.rtl.design.programs import Body
from tritag.export.rtl.design.reduce import REDUCTIONS
from tritag.hls_projects.cpp import _FunctionWriter as CppWriter
from tritag.quant.integer.emitter import Emitter, Place
from tritag.quant.integer.instructions import INSTRUCTIONS, Instruction
from tritag.quant.integer.passes import OVER_ROWS
from tritag.quant.integer.planner import Planner
from tritag.quant.integer.program import Program
from tritag.quant.integer.proof import _Prover
from tritag.quant.integer.torch_executor import Runner, run
from tritag.quant.integer.tracer import Tracer

EMITTERS = [Runner, Planner, OnnxWriter, CppWriter, Body, _Prover]


def test_the_base_names_every_instruction():
    assert set(INSTRUCTIONS) == Emitter.__abstractmethods__ - {"operand"}


@pytest.mark.parametrize("emitter", EMITTERS)
def test_every_emitter_has_every_instruction(emitter):
    assert issubclass(emitter, Emitter)
    assert not emitter.__abstractmethods__


def test_a_class_that_lacks_instructions_cannot_be_defined():
    every = {name: getattr(Runner, name) for name in INSTRUCTIONS}
    missing = {"add", "maxr"}
    with pytest.raises(TypeError, match=r"Half must have a method for every instruction .*, but lacks add, maxr;"):
        type("Half", (Emitter,), {name: method for name, method in every.items() if name not in missing})


@pytest.mark.parametrize("emitter", EMITTERS)
def test_a_new_instruction_is_missed_nowhere(emitter, monkeypatch):
    """What the import of an emitter says once the table has an instruction that the emitter has not."""
    monkeypatch.setitem(INSTRUCTIONS, "negate", Instruction(1))
    with pytest.raises(TypeError, match=r"Again must have .* but lacks negate;"):
        type("Again", (emitter,), {})


def test_a_new_instruction_needs_an_entry_and_a_method(monkeypatch):
    monkeypatch.setitem(INSTRUCTIONS, "negate", Instruction(1))

    class Negating(Runner):
        def negate(self, at: Place, x: torch.Tensor) -> torch.Tensor:
            return -x

    t = Tracer("new", 2)
    x = t.input("x", -8, 7)
    t.output("y", t.emit("negate", (x,), (), -x.high, -x.low))
    assert Program.from_json(t.program.to_json()) == t.program
    runner = Negating(t.program, [torch.tensor([[[5], [-8]]])])
    for _, value in runner.walk():
        runner.values.append(value)
    assert runner.value(t.program.outputs[0].node).tolist() == [[[-5], [8]]]


def test_verilog_reduces_every_instruction_over_the_rows():
    assert set(REDUCTIONS) == set(OVER_ROWS) == {"sumr", "maxr"}


@pytest.mark.parametrize(
    ("op", "args", "params"), [("add", 1, ()), ("shl", 1, ()), ("clip", 1, (3,)), ("stack", 1, (1,))]
)
def test_wrong_numbers_of_operands_and_settings_are_refused(op, args, params):
    t = Tracer("wrong", 1)
    x = t.input("x", 0, 3)
    with pytest.raises(ExportError, match=rf"wrong\.{op} must have"):
        t.emit(op, [x] * args, params, 0, 3)


def test_unknown_instructions_of_a_file_are_refused():
    t = Tracer("odd", 1)
    t.output("y", t.input("x", 0, 3) + 1)
    text = t.program.to_json().replace('"add"', '"walk"')
    with pytest.raises(ExportError, match=r"instructions must be among input, const, .*, got walk"):
        Program.from_json(text)
    assert run(t.program, [torch.tensor([[[2]]])])[0].item() == 3
