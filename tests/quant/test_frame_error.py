"""The Lorentz block against float64: a small version of ``tritag frames``, with the limits that it must keep."""

from __future__ import annotations

import json

import pytest
import torch

from tritag import cli
from tritag.files import write_json
from tritag.quant.integer.lorentz import FrameBits
from tritag.quant.measure.frame_error import (
    INPUT_BITS,
    VECTOR_SETS,
    WIDTHS,
    float_frames,
    frame_bits,
    frame_program,
    integer_frames,
    measure,
)
from tritag.structured import read_json_if_there

PER_JET = FrameBits()
PER_CANDIDATE = FrameBits().for_candidates()
DATA = {"data, per jet": PER_JET, "data, per candidate": PER_CANDIDATE}


@pytest.mark.parametrize("name", DATA)
def test_data_at_the_default_width(name):
    (error,) = measure(name, 20_000, [DATA[name]])
    assert error.number == 20_000
    assert error.violation[1] <= 1e-3
    assert error.violation[2] <= 5e-2
    assert error.features[1] <= 1.0


@pytest.mark.parametrize("name", [name for name in VECTOR_SETS if name not in DATA])
@pytest.mark.parametrize("bits", [PER_JET, PER_CANDIDATE])
def test_adversarial_vectors_have_lorentz_frames(name, bits):
    """Whatever the vectors are, L is a Lorentz transformation up to rounding, which gamma squared magnifies."""
    (error,) = measure(name, 5_000, [bits])
    assert error.violation[2] <= 2.0 ** (2 * bits.gamma + 4 - bits.matrix)
    assert error.violation[2] <= 5e-2


@pytest.mark.parametrize("name", ["data, per jet", "data, per candidate", "fast", "near-lightlike"])
def test_errors_shrink_with_the_width(name):
    narrow, wide = measure(name, 2_000, [frame_bits(14, 12), frame_bits(24, 17)])
    for key in ("violation", "deviation", "features"):
        assert getattr(wide, key)[0] < getattr(narrow, key)[0] / 4


def test_the_table_holds_the_defaults():
    assert (PER_JET.vector, PER_JET.matrix) in WIDTHS
    assert frame_bits(PER_CANDIDATE.vector, PER_CANDIDATE.matrix) == PER_CANDIDATE


@pytest.mark.parametrize("bits", [frame_bits(*w) for w in WIDTHS])
def test_every_intermediate_is_bounded(bits):
    """The tracer refuses a program with a value that could leave 62 bits: the intervals are the proof."""
    nodes = frame_program(bits).nodes
    assert max(max(abs(n.low), abs(n.high)).bit_length() for n in nodes) <= 62


@pytest.mark.parametrize("name", VECTOR_SETS)
def test_vector_sets(name):
    vectors = VECTOR_SETS[name](500, torch.Generator().manual_seed(3))
    assert vectors.shape == (500, 3, 4)
    assert vectors.dtype == torch.int64
    assert vectors.abs().max() < 1 << INPUT_BITS
    assert (vectors[..., 0] >= 0).all()
    again = VECTOR_SETS[name](500, torch.Generator().manual_seed(3))
    assert torch.equal(vectors, again)


def test_degenerate_vectors_take_the_same_axes_as_in_float64():
    """Three equal vectors: no reference is left, the axes are z and x."""
    vectors = torch.tensor([[[1 << 40, 1 << 38, 0, 1 << 37]] * 3, [[5, 0, 0, 0]] * 3, [[0, 0, 0, 0]] * 3])
    given, expected = (f(vectors, PER_CANDIDATE) for f in (integer_frames, float_frames))
    torch.testing.assert_close(given, expected, rtol=0, atol=1e-4)


def test_command_resumes(tmp_path, capsys):
    out = tmp_path / "frames.json"
    assert cli.run(["frames", "--vectors", "40", "--out", str(out), "--json"]) == 0
    results = json.loads(capsys.readouterr().out)
    assert len(results) == len(VECTOR_SETS) * len(WIDTHS)
    stored = read_json_if_there(out)
    stored["results"] = stored["results"][: len(WIDTHS)]
    stored["results"][0]["gamma"] = -1.0
    write_json(out, stored)
    assert cli.run(["frames", "--vectors", "40", "--out", str(out)]) == 0
    captured = capsys.readouterr()
    assert "data, per jet: measured already" in captured.err
    again = read_json_if_there(out)["results"]
    assert again[0]["gamma"] == -1.0
    assert again[1:] == results[1:]
    assert cli.run(["frames", "--vectors", "41", "--out", str(out)]) == 2
    assert "must hold results of the same settings" in capsys.readouterr().err
