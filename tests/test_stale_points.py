"""Points of which sources, jets or files have changed: named before anything is trained, and trained anew if asked."""

from __future__ import annotations

import shutil
from pathlib import Path

import h5py
import pytest

from tests.helpers.advised import advised
from tests.helpers.jets import SAMPLE
from tests.helpers.studies import write_study
from tritag import cli
from tritag.errors import RunError
from tritag.files import write_json
from tritag.pipeline.fingerprint import FILE
from tritag.pipeline.points import trainings
from tritag.pipeline.sources import source_digest
from tritag.structured import read_json_if_there

SOURCE = "models/nets/transformer.py"


@pytest.fixture(autouse=True)
def _runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TRITAG_RUNS", str(tmp_path / "runs"))


def age(run: Path) -> None:
    """As if a source had been edited since the run was trained."""
    recorded = read_json_if_there(run / FILE)
    recorded["train"]["sources"][SOURCE] = source_digest("x = 1")
    write_json(run / FILE, recorded)


def weights(folder: Path) -> dict[Path, tuple[int, int]]:
    """Inode and time of each run's weights: the number of a removed file may be that of the next one."""
    found = {path.parent: path.stat() for path in folder.glob("runs/*/weights.safetensors")}
    return {run: (state.st_ino, state.st_mtime_ns) for run, state in found.items()}


def trained_anew(before: dict[Path, tuple[int, int]], folder: Path) -> set[Path]:
    return {run for run, number in weights(folder).items() if before.get(run) != number}


def fails(*_: object, **__: object) -> None:
    raise RunError("no luck")


def test_a_study_names_what_is_stale_and_trains_that_anew(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    study = write_study(tmp_path / "my study.yaml", "float", "int8")
    call = ["study", str(study), "--processes", "1"]
    assert cli.run(call) == 0
    table = capsys.readouterr().out
    (first,), (second,) = (list(tmp_path.glob(f"runs/*-{name}-*")) for name in ("float", "int8"))
    before = weights(tmp_path)
    age(second)
    (first / "scores.npz").write_bytes((first / "scores.npz").read_bytes()[:200])
    study.write_text(study.read_text().replace("seeds: [1]", "seeds: [1, 2]"))  # more to train
    for again in ([], ["--retry"]):
        assert cli.run([*call, *again]) == 2
        message = " ".join(capsys.readouterr().err.split())
        assert "and undamaged, but 2 cannot stay" in message
        for part in (first.name, second.name, f"source of {SOURCE} changed", "scores.npz must be a whole .npz file"):
            assert part in message
    assert weights(tmp_path) == before  # nothing was trained
    study.write_text(study.read_text().replace("seeds: [1, 2]", "seeds: [1]"))
    assert cli.run(["study", str(study), "--so-far"]) == 2  # no row is left
    assert "count as not done" in " ".join(capsys.readouterr().err.split())
    (advice,) = advised(message)
    assert advice == ["study", str(study), "--fresh"]
    (first / "scores.npz").unlink()  # then it is not trained
    assert cli.run([*advice, "--processes", "1"]) == 0
    assert capsys.readouterr().out == table
    assert trained_anew(before, tmp_path) == {first, second}
    before = weights(tmp_path)
    age(second)
    assert cli.run(["study", str(study), "--so-far"]) == 0
    shown = capsys.readouterr()
    assert "Rows that are not done: 1." in shown.out
    assert f"{second.name}: source of {SOURCE} changed; put it back, or train them anew" in " ".join(shown.err.split())
    assert cli.run([*advice, "--processes", "1"]) == 0
    assert trained_anew(before, tmp_path) == {second}  # and not the float run that it starts from


def test_a_sweep_on_other_jets_keeps_its_table(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    jets, spec = tmp_path / "own.h5", tmp_path / "tiny.yaml"
    shutil.copy(SAMPLE, jets)
    spec.write_text(
        f"data: {jets}\naxes: {{tagger: [transformer-2k], constituents: [2], precision: [float], seed: [1, 2]}}\n"
        "settings: [training.iterations=2, training.batch_size=32, training.validate_every=2]\nobjectives: [auc]\n"
    )
    call = ["sweep", str(spec), "--processes", "1"]
    assert cli.run(call) == 0
    (table,) = tmp_path.glob("runs/sweeps/tiny-*/table.json")
    good, before = table.read_bytes(), weights(tmp_path)
    with h5py.File(jets, "r+") as file:
        file["px"][-1] += 1
    for one in (call, [*call[:2], "--point", "1"]):
        capsys.readouterr()
        assert cli.run(one) == 2
        message = " ".join(capsys.readouterr().err.split())
        assert f"the content of {jets} (test) changed; put it back, or call" in message
    assert "--retry" not in message
    assert weights(tmp_path) == before
    assert not list(tmp_path.glob("runs/points/*.failed.json"))
    (advice,) = advised(message)
    with monkeypatch.context() as patch:  # every point fails
        patch.setattr(trainings, "train_run", fails)
        assert cli.run([*advice, "--processes", "1"]) == 1
    message = " ".join(capsys.readouterr().err.split())
    assert f"2 of 2 points failed, and {table.with_suffix('.csv')} stays that of an earlier call" in message
    assert table.read_bytes() == good
    assert cli.run([*advice, "--processes", "1"]) == 0
    assert len(weights(tmp_path)) == 4  # runs on the earlier jets stay
    assert table.read_bytes() != good
    assert cli.run(call) == 0


def test_only_what_would_be_tried_again_is_promised(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A point that is none is looked at in every call."""
    spec = tmp_path / "tiny.yaml"
    spec.write_text(
        f"data: {SAMPLE}\naxes: {{tagger: [transformer-2k], constituents: [2], precision: [float], "
        "sizes.channels: [4, -1]}\n"
        "settings: [training.iterations=2, training.batch_size=32, training.validate_every=2, sizes.heads=1]\n"
        "objectives: [auc]\n"
    )
    assert cli.run(["sweep", str(spec), "--processes", "1"]) == 1
    message = capsys.readouterr().err
    assert "1 of 2 points failed, see the column error" in message
    assert not advised(message)
