"""What was made carries a digest: a flipped bit is an error where it is read, with advice that says what to do."""

from __future__ import annotations

import random
import re
from pathlib import Path

import pytest
import torch

from tests.helpers.taggers import TINY, calibrated_tagger
from tritag.errors import RunError, TritagError
from tritag.export.model_file import read_model, write_model
from tritag.export.qonnx_file import export_model
from tritag.files import write_json
from tritag.models.training.checkpoint import (
    CHECKPOINT_FILE,
    TrainingState,
    append_history,
    read_history,
    resume,
    write_checkpoint,
)
from tritag.models.training.weights import load_tensors, write_weights
from tritag.run import Run
from tritag.seals import seal, unseal
from tritag.steps import STEPS
from tritag.structured import read_json, read_json_if_there

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


FIGURES = {"test": {"auc": 0.973, "jets": 1204, "error": 2.5e-3}, "jets_per_s": [1600, -0.0], "name": "k16"}


def check_digits(path: Path, read) -> None:
    """Every digit that is changed must be an error of the user's kind that names the file and what to do."""
    whole = path.read_text()
    places = [match.start() for match in re.finditer(r"\d", whole)]
    assert len(places) > 40
    for place in places:
        path.write_text(f"{whole[:place]}{(int(whole[place]) + 1) % 10}{whole[place + 1 :]}")
        with pytest.raises(TritagError, match=rf"{path.name}.* must be as tritag wrote it, .*; .+"):
            read()
    path.write_text(whole)
    read()


@pytest.mark.parametrize("name", sorted(f for step in STEPS.values() for f in step.files if f.endswith(".json")))
def test_changed_digits_of_what_a_step_wrote(name, tmp_path, monkeypatch):
    monkeypatch.setenv("TRITAG_RUNS", str(tmp_path))
    run = Run.create("t", {"tagger": {"n_constituents": 4}})
    write_json(run.path(name), FIGURES)
    check_digits(run.path(name), lambda: run.read_json(name))
    write_json(run.path(name), [FIGURES])
    check_digits(run.path(name), lambda: read_json_if_there(run.path(name)))
    assert run.read_json(name) == [FIGURES]


def test_changed_digits_of_a_history(tmp_path):
    append_history(tmp_path, {"step": 10, "loss": 0.5})
    append_history(tmp_path, {"step": 20, "loss": 0.25})
    check_digits(tmp_path / "history.jsonl", lambda: read_history(tmp_path))


def test_json_without_its_digest_or_edited_by_hand(tmp_path):
    path = tmp_path / "csim.json"
    for text in ("{}", "[]", "3", '{"differ": 0}', '{"differ": 0, "sha256": 5}'):
        path.write_text(text)
        with pytest.raises(RunError, match="must be as tritag wrote it"):
            read_json(path, RunError, "make it again")
    write_json(path, FIGURES)
    path.write_text(path.read_text().replace("  ", " "))  # layout does not count
    assert read_json(path, RunError, "") == FIGURES


def test_no_json_file_is_read_past_its_digest(repository):
    """Files are read by ``read_json``; whatever else parses the text of a file is listed here with its reason."""
    allowed = {
        "export/rtl/tools/synthesis.py",  # sealed as a whole; Yosys' own netlist
        "export/rtl/tools/routing.py",  # sealed as a whole; nextpnr's own report
        "export/rtl/tools/vivado.py",  # Vivado's own figures
        "hls_projects/package/cocotb_bench.py",  # of a package, whose checksums lie beside it
        "tritag/build_cache.py",  # unsealed there
    }
    rooms = ("tritag", "configs", "data", "models", "quant", "export", "hls_projects", "report")
    found = {
        str(path.relative_to(repository))
        for room in rooms
        for path in (repository / room).rglob("*.py")
        if re.search(r"json\.loads?\(.*(read_text|read_bytes|open)\(", path.read_text(encoding="utf-8"))
    }
    assert found == allowed
