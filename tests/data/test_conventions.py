"""Jets in another unit, order or padding are refused, and the message names the likely cause."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from tritag.data.jets.conventions import grid_losses
from tritag.data.jets.jets import JetBatch, make_batch
from tritag.data.jets.store import read_jets
from tritag.data.readers.formats import read_any
from tritag.errors import DataError
from tritag.pipeline.jets import read_source

SAMPLE = Path(__file__).parents[2] / "data" / "sample" / "jets400.h5"


@pytest.fixture(scope="module")
def jets() -> JetBatch:
    return read_jets(SAMPLE, n_max=50)


def read_p4(folder: Path, p4: np.ndarray, count: np.ndarray) -> JetBatch:
    np.savez(folder / "jets.npz", p4=p4, n_constituents=count)
    return read_any(folder / "jets.npz")


def test_unit(tmp_path: Path, jets: JetBatch) -> None:
    read_p4(tmp_path, jets.p4, jets.n_constituents)
    with pytest.raises(
        DataError, match=r"in GeV, .* 9\d% of their 16 leading .* are they in MeV\? Divide them by 1000"
    ):
        read_p4(tmp_path, jets.p4 * 1000, jets.n_constituents)
    # 30 GeV jets in MeV saturate little
    with pytest.raises(DataError, match="are they in MeV"):
        read_p4(tmp_path, jets.p4 * 50, jets.n_constituents)
    with pytest.raises(DataError, match="are they in TeV"):
        read_p4(tmp_path, jets.p4 / 1000, jets.n_constituents)


def test_order(tmp_path: Path, jets: JetBatch) -> None:
    with pytest.raises(DataError, match=r"look like \(px, py, pz, E\): .* p4\[\.\.\., \[3, 0, 1, 2\]\]"):
        read_p4(tmp_path, jets.p4[..., [1, 2, 3, 0]], jets.n_constituents)


def test_padding(tmp_path: Path, jets: JetBatch) -> None:
    p4 = np.where(jets.mask[..., None], jets.p4, np.float32(-999))
    for count in (jets.n_constituents, np.full(len(jets), p4.shape[1])):
        with pytest.raises(DataError, match=r"places in \d+ of 50 jets are padded with -999; set them to 0"):
            read_p4(tmp_path, p4, count)


def test_mass_shell(tmp_path: Path, jets: JetBatch) -> None:
    p4 = jets.p4.copy()
    p4[..., 0] = np.hypot(p4[..., 1], p4[..., 2]) * 0.98
    with pytest.raises(
        DataError, match=r"energies must be at least the momenta, got \d+ of \d+ .* not transverse ones"
    ):
        read_p4(tmp_path, p4, jets.n_constituents)
    p4[..., 0] = np.sqrt((p4[..., 1:] ** 2).sum(axis=-1) + 0.14**2 * jets.mask)
    read_p4(tmp_path, p4, jets.n_constituents)


def test_what_the_grid_clips_is_one_sentence(jets: JetBatch) -> None:
    p4 = np.zeros((2, 3, 4))
    p4[0, :, 1] = 5000, 100, 0.01
    p4[0, 1, 3] = 1e6
    p4[..., 0] = np.sqrt((p4[..., 1:] ** 2).sum(axis=-1))
    assert grid_losses(make_batch(p4, [3, 0])) == (
        "of 3 constituents on the trigger's grid, 1 saturate at 4096 GeV and 1 are clipped at |eta| = 8.9 and 1 lie "
        "below 0.125 GeV and are dropped"
    )
    assert grid_losses(jets[:0]) == ""
    assert "dropped" not in grid_losses(make_batch(p4, [3, 0]), soft_too=False)


def test_steps_say_what_they_leave_out(tmp_path: Path, jets: JetBatch, capsys: pytest.CaptureFixture[str]) -> None:
    p4 = jets.p4.copy()
    p4[0, 0] = 5000, 5000, 0, 0
    np.savez(tmp_path / "jets.npz", p4=p4, n_constituents=jets.n_constituents, weight=jets.label)
    read_source(tmp_path / "jets.npz")
    said = capsys.readouterr().err
    assert "jets.npz: not read are weight" in said
    assert f"jets.npz: of {jets.n_constituents.sum():,} constituents on the trigger's grid, 1 saturate" in said


def test_a_reader_without_a_map_names_the_command_that_takes_one(tmp_path: Path) -> None:
    np.savez(tmp_path / "jets.npz", cand_pt=np.ones((3, 2)))
    with pytest.raises(DataError, match=r"name them with --map \(an option of 'tritag data convert IN OUT'; give OUT"):
        read_source(tmp_path / "jets.npz")
    with pytest.raises(DataError, match=r"with --map$"):
        read_any(tmp_path / "jets.npz")
