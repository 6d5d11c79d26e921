"""What was made carries a digest: a flipped bit is an error where it is read, with advice that says what to do."""

from __future__ import annotations

import random

import pytest
import torch

from tests.helpers.taggers import TINY, calibrated_tagger
from tritag.errors import RunError, TritagError
from tritag.export.model_file import read_model, write_model
from tritag.export.qonnx_file import export_model
from tritag.models.training.checkpoint import CHECKPOINT_FILE, TrainingState, resume, write_checkpoint
from tritag.models.training.weights import load_tensors, write_weights
from tritag.seals import seal, unseal

FLIPS = 60


def flip(path, rng: random.Random) -> None:
    """Flip one bit of a file."""
    content = bytearray(path.read_bytes())
    content[rng.randrange(len(content))] ^= 1 << rng.randrange(8)
    path.write_bytes(bytes(content))


def check_flips(path, read) -> None:
    """Every flipped bit must be an error of the user's kind that names the file."""
    read()
    whole = path.read_bytes()
    rng = random.Random(path.name)
    for _ in range(FLIPS):
        flip(path, rng)
        with pytest.raises(TritagError, match=path.name):
            read()
        path.write_bytes(whole)


def small() -> tuple[torch.nn.Module, torch.optim.Optimizer]:
    """A network and its optimizer."""
    model = torch.nn.Sequential(torch.nn.Linear(4, 5), torch.nn.BatchNorm1d(5))
    return model, torch.optim.AdamW(model.parameters())


def test_flipped_bits_of_weights(tmp_path):
    path = tmp_path / "weights.safetensors"
    write_weights(path, small()[0])
    check_flips(path, lambda: load_tensors(path))
    path.write_bytes(path.read_bytes()[:-1] + b"\x55")
    with pytest.raises(RunError, match=r"train the tagger again"):
        load_tensors(path)


def test_flipped_bits_of_a_checkpoint(tmp_path):
    settings = {"seed": 1}
    model, optimizer = small()
    write_checkpoint(tmp_path, settings, TrainingState(step=3), model, optimizer)
    check_flips(tmp_path / CHECKPOINT_FILE, lambda: resume(tmp_path, settings, *small()))


def test_flipped_bits_of_an_exported_file(tmp_path):
    path = tmp_path / "model.qonnx.onnx"
    write_model(path, export_model(calibrated_tagger(2, "int8", TINY)))
    check_flips(path, lambda: read_model(path))


def test_a_file_without_its_seal(tmp_path):
    path = tmp_path / "state"
    path.write_bytes(seal(b"content"))
    assert unseal(path, RunError, "do it again") == b"content"
    path.write_bytes(b"content")
    with pytest.raises(RunError, match=r"state must be as tritag wrote it, .* \(none\): .*; do it again"):
        unseal(path, RunError, "do it again")
