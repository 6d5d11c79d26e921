"""Taggers that take fields of a candidate: exact inputs, and equal integers from the word on."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import numpy as np
import pytest
import torch

from tests.helpers.jets import random_jets, with_fields
from tests.helpers.taggers import TINY, calibrated_tagger
from tritag.data.jets.candidate_field import INPUT_BITS, INPUT_FRACTION
from tritag.data.jets.candidate_grid import TOP, CandidateInputs, load_grid
from tritag.data.jets.crafted import crafted_codes
from tritag.data.jets.words import unpack_words
from tritag.errors import ConfigError, ExportError
from tritag.export.executors import OnnxRuntimeExecutor, QonnxExecutor, TorchExecutor
from tritag.export.graph import read_graph
from tritag.export.metadata import METADATA_CANDIDATES
from tritag.export.qonnx_file import export_model
from tritag.models.layers.scalars import JetScalars, n_field_inputs
from tritag.models.nets.registry import TaggerConfig, load_tagger_config, make_tagger
from tritag.quant.formats.fixed import Grid
from tritag.quant.formats.tensor import FixedTensor
from tritag.quant.ops.jet_scalars import SCALAR_TYPE, code_grid
from tritag.quant.ops.jet_scalars import JetScalars as JetScalarsOp
from tritag.quant.ops.op import TensorSpec

K = 3
ALL = CandidateInputs(load_grid("cms-puppi"), ("id", "z0", "dxy", "quality", "weight", "egid"))
COARSE = CandidateInputs(load_grid("atlas-like"), ("z0",))


def scalars(taken: CandidateInputs, codes: np.ndarray, count: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Integers of the op, and the float layer's values in the same steps."""
    number = torch.from_numpy(count).long()[:, None]
    given = FixedTensor(torch.from_numpy(codes).float(), code_grid(taken)), FixedTensor(number.float(), Grid(0, K, 0))
    exact = JetScalarsOp(taken)(*given).integers().numpy()
    return exact, (JetScalars(K, taken)(torch.from_numpy(codes), number) * 2**SCALAR_TYPE.fraction).numpy()


@pytest.mark.parametrize("taken", [ALL, COARSE])
def test_fields_enter_exactly(taken: CandidateInputs) -> None:
    codes, count = crafted_codes(K, inputs=taken)
    exact, floats = scalars(taken, codes, count)
    assert exact.shape[-1] == 7 + n_field_inputs(taken)
    np.testing.assert_array_equal(exact[..., 7:], floats[..., 7:])
    # physical jets: the seven scalars are those of the float layer within a few steps on other grids, too; two angular
    # steps of 2**-12 are 8 steps of Delta R where the candidate lies on the axis
    codes, count = with_fields(random_jets(np.random.default_rng(1), 200, K), taken)
    low, high = ([getattr(field, end) for field in taken.fields] for end in ("min", "max"))
    codes = np.clip(codes, low, high)
    codes[..., 1] = np.clip(codes[..., 1], -200, 200)
    exact, floats = scalars(taken, codes, count)
    low, high = SCALAR_TYPE.int_min, SCALAR_TYPE.int_max
    assert np.abs(exact - np.clip(floats, low, high)).max() <= 9


def test_the_plain_program_is_unchanged() -> None:
    """A grid with more fields, of which none is taken, gives the very program of the grid top."""
    codes, count = (code_grid(ALL), K, 3), (Grid(0, K, 0), 1, 1)
    programs = [
        JetScalarsOp(CandidateInputs(grid)).bind(TensorSpec(*codes), TensorSpec(*count)).program.digest()
        for grid in (TOP, ALL.grid)
    ]
    assert programs[0] == programs[1]
    assert (SCALAR_TYPE.fraction, SCALAR_TYPE.width) == (INPUT_FRACTION, INPUT_BITS)


def test_executors_agree_from_the_word_on() -> None:
    tagger = calibrated_tagger(K, "ternary", TINY, candidates=ALL)
    model = export_model(tagger)
    graph = read_graph(model)
    assert graph.candidates == ALL
    assert (graph.shapes["codes"], graph.grids["codes"]) == ((K, 9), Grid(-2048, 16383, 0))
    words = np.random.default_rng(4).integers(0, 2**64, (300, K), np.uint64)
    words[::3, 1:] = 0
    codes, count = unpack_words(words, ALL.grid, ALL.names)
    expected = TorchExecutor(graph, tagger, model).run(codes, count)
    assert len(np.unique(expected)) > 10
    for executor in (OnnxRuntimeExecutor(graph, model), QonnxExecutor(graph, model)):
        np.testing.assert_array_equal(executor.run(codes, count), expected)
    other = codes.copy()
    other[..., 3] = (other[..., 3] + 1) % 8
    assert np.any(TorchExecutor(graph, tagger, model).run(other, count) != expected)


def test_a_file_that_claims_other_fields_is_refused() -> None:
    model = export_model(calibrated_tagger(K, "ternary", TINY, candidates=ALL))
    (entry,) = (p for p in model.metadata_props if p.key == METADATA_CANDIDATES)
    entry.value = entry.value.replace('"names":["id",', '"names":[')
    with pytest.raises(ExportError, match=r"input codes must have 8 lanes \(pt, eta, phi, z0.*got shape \(3, 9\)"):
        read_graph(model)


def test_a_tagger_names_grid_and_fields(tmp_path: Path) -> None:
    config = load_tagger_config("transformer-puppi-2k")
    assert config.candidates == CandidateInputs(ALL.grid, ("id", "z0", "dxy", "weight"))
    (tmp_path / "mine.yaml").write_text(
        "summary: mine\nfields:\n"
        + "".join(
            f"- {{name: {f.name}, bits: {f.bits}, position: {f.position}, signed: {str(f.signed).lower()}, "
            f"lsb: {f.lsb!r}, low: {f.min}, high: {f.max}, turn: {str(f.turn).lower()}}}\n"
            for f in TOP.fields
        )
        + "- {name: spin, bits: 2, position: 50, one_hot: true}\n"
    )
    own = tmp_path / "tagger.yaml"
    own.write_text("network: transformer\ngrid: mine.yaml\nfields: [spin]\n")
    config = load_tagger_config(own)
    assert [f.name for f in config.candidates.fields] == ["pt", "eta", "phi", "spin"]
    assert dataclasses.asdict(config)["grid"]["fields"][3]["position"] == 50
    own.write_text("network: transformer\ngrid: mine.yaml\nfields: [spam]\n")
    with pytest.raises(ConfigError, match=r"unknown field of the grid 'spam'; .*Valid: eta, phi, pt, spin"):
        load_tagger_config(own)
    own.write_text("network: transformer\ngrid: cms-pupi\n")
    with pytest.raises(ConfigError, match="unknown grid 'cms-pupi'; did you mean 'cms-puppi'"):
        load_tagger_config(own)
    with pytest.raises(ConfigError, match="network lloca must be one that takes a grid and fields, got z0"):
        make_tagger(TaggerConfig("lloca", 4, grid=ALL.grid, fields=("z0",)))
    assert make_tagger(TaggerConfig("lloca", 4, grid=ALL.grid)) is not None
