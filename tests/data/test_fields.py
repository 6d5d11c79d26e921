"""Fields beside pT, eta and phi: from the generator or a foreign file to codes, stored and joined on the way."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import numpy as np
import pytest

from tritag.data.jets.candidate_grid import CandidateInputs, load_grid
from tritag.data.jets.conventions import grid_losses
from tritag.data.jets.jets import JetBatch, make_batch
from tritag.data.jets.ragged import flatten, join
from tritag.data.jets.store import read_info, read_jets, verify_digest, write_jets
from tritag.data.jets.trigger_grid import to_codes
from tritag.data.jets.words import pack_words, unpack_words
from tritag.data.readers.fields import parse_map
from tritag.data.readers.formats import read_any
from tritag.data.simulation.candidate_columns import COLUMNS, kinds_of
from tritag.data.simulation.config import load_data_config
from tritag.data.simulation.helix import perigee
from tritag.data.simulation.shards import Shard, make_shard
from tritag.errors import ConfigError, DataError

PUPPI = load_grid("cms-puppi")
TAKEN = CandidateInputs(PUPPI, ("id", "z0", "dxy", "weight"))


def some_jets() -> JetBatch:
    """Two jets with up to three constituents, the softer one first in the first jet."""
    pt = np.array([[10.0, 30.0, 20.0], [5.0, 0.0, 0.0]])
    p4 = np.stack([pt, pt, 0 * pt, 0 * pt], axis=-1)
    columns = {
        "pf_id": np.array([[211, 22, -13], [130, 7, 7]]),
        "z0_cm": np.array([[0.26, 9.0, -40.0], [3.0, 0, 0]]),
        "dxy_cm": np.array([[-0.04, 9.0, 0.0], [1.0, 0, 0]]),
        "puppi_weight": np.array([[0.1, 0.75, 1.0], [0.5, 0, 0]]),
    }
    return make_batch(p4, [3, 1], [1, 0], columns=columns)


def codes_of(jets: JetBatch, taken: CandidateInputs = TAKEN, k: int = 3) -> np.ndarray:
    return to_codes(jets.p4, jets.n_constituents, k, inputs=taken, columns=jets.columns)[0]


def test_fields_follow_their_constituents() -> None:
    jets = some_jets()
    expected = [
        # the photon has a weight and no track, the muon saturates in z0, the soft hadron is rounded half to even
        [[120, 0, 0, 1, 0, 0, 192], [80, 0, 0, 7, -512, 0, 256], [40, 0, 0, 3, 5, 13, 256]],
        [[20, 0, 0, 0, 0, 0, 128], [0] * 7, [0] * 7],
    ]
    assert codes_of(jets).tolist() == expected
    assert codes_of(jets, CandidateInputs(PUPPI, ("weight",)), 2)[..., 3].tolist() == [[192, 256], [128, 0]]
    words = pack_words(codes_of(jets), np.array([3, 1]), PUPPI, TAKEN.names)
    assert unpack_words(words, PUPPI, TAKEN.names)[0].tolist() == expected
    exact, _ = to_codes(jets.p4, jets.n_constituents, 3, rounded=False, inputs=TAKEN, columns=jets.columns)
    np.testing.assert_allclose(exact[0, 2, 3:], [3, 5.2, 0.2 * 64, 256], rtol=1e-6)
    assert "1 have z0 outside -25.6..25.55 cm and saturate" in grid_losses(jets, inputs=TAKEN)


def test_other_steps_of_pt_eta_and_phi() -> None:
    coarse = CandidateInputs(load_grid("atlas-like"))
    p4 = [[[0.0, -1.0, -1e-9, 0.0], [0.0, 0.0, 3.0, 3.0]]]
    codes, count = to_codes(p4, [2], 2, inputs=coarse)
    # half a turn below the seam, and a quarter of a turn at eta = arcsinh(1)
    assert codes[0].tolist() == [[15, 72, 64], [5, 0, -128]]
    assert count.tolist() == [2]


def test_what_is_missing_or_unknown_is_named() -> None:
    jets = some_jets()
    lacking = dataclasses.replace(jets, columns={"pf_id": jets.columns["pf_id"]})
    with pytest.raises(DataError, match=r"jets must have z0_cm for the field z0 of the tagger, got pf_id beside"):
        codes_of(lacking)
    weights = dataclasses.replace(jets, columns={"puppi_weight": jets.p4[..., 0]})
    with pytest.raises(DataError, match=r"jets must have pf_id for the field weight"):
        codes_of(weights, CandidateInputs(PUPPI, ("weight",)))
    jets.columns["pf_id"][0, 0] = 321
    with pytest.raises(DataError, match=r"pf_id must be among .* for the field id, got 1 of 4 .*, 321 first"):
        codes_of(jets)
    with pytest.raises(DataError, match="'z' must hold one finite number a constituent"):
        make_batch(jets.p4, [3, 1], columns={"z": np.full((2, 3), np.nan)})
    with pytest.raises(DataError, match=r"'z' must hold one number a constituent, shape \(2, 3\)"):
        make_batch(jets.p4, [3, 1], columns={"z": np.zeros((2, 2))})


def test_files_carry_columns(tmp_path: Path) -> None:
    jets = some_jets()
    digest = write_jets(tmp_path / "a.h5", jets)
    assert verify_digest(tmp_path / "a.h5") == digest
    assert read_info(tmp_path / "a.h5").columns == tuple(sorted(jets.columns))
    again = read_jets(tmp_path / "a.h5", n_constituents=3)
    np.testing.assert_array_equal(codes_of(again), codes_of(jets))
    np.testing.assert_array_equal(codes_of(again[1:].leading(4), k=4)[0, :1], codes_of(jets)[1, :1])
    changed = dataclasses.replace(jets, columns={**jets.columns, "z0_cm": 2 * jets.columns["z0_cm"]})
    assert write_jets(tmp_path / "b.h5", changed) != digest
    assert write_jets(tmp_path / "c.h5", dataclasses.replace(jets, columns={})) != digest
    both = join([flatten(jets), flatten(dataclasses.replace(jets, columns={"z0_cm": jets.columns["z0_cm"]}))])
    assert list(both.columns) == ["z0_cm"]
    assert len(both.take(np.array([3, 0])).leading(1).columns["z0_cm"]) == 2


MAP = ["pt=q", "eta=h", "phi=f", "count=n", *(f"columns.{name}=of_{name}" for name in COLUMNS)]


def foreign_file(folder: Path, kind: str) -> Path:
    """The jets as named arrays, or as a table with lists."""
    jets = some_jets()
    pt = np.hypot(jets.p4[..., 1], jets.p4[..., 2])
    arrays = {"q": pt, "h": 0 * pt, "f": 0 * pt, **{f"of_{name}": jets.columns[name] for name in COLUMNS}}
    if kind == "npz":
        np.savez(folder / "a.npz", n=jets.n_constituents, **arrays)
        return folder / "a.npz"
    table, parquet = pytest.importorskip("pyarrow"), pytest.importorskip("pyarrow.parquet")
    lists = {name: [row[:n] for row, n in zip(x, jets.n_constituents, strict=True)] for name, x in arrays.items()}
    parquet.write_table(table.table({**lists, "n": jets.n_constituents}), folder / "a.parquet")
    return folder / "a.parquet"


@pytest.mark.parametrize("kind", ["npz", "parquet"])
def test_columns_of_foreign_files_are_mapped(tmp_path: Path, kind: str) -> None:
    path = foreign_file(tmp_path, kind)
    found = read_any(path, mapping=parse_map(MAP))
    np.testing.assert_array_equal(codes_of(found), codes_of(some_jets()))
    with pytest.raises(DataError, match="unknown branch or column 'of_z'"):
        read_any(path, mapping=parse_map([*MAP[:4], "columns.z0_cm=of_z"]))
    with pytest.raises(ConfigError, match=r"--map must give each name once, got 'columns\.z0_cm' twice"):
        parse_map([*MAP, "columns.z0_cm=b"])
    with pytest.raises(ConfigError, match="columns of a map must give names like z0_cm"):
        parse_map([*MAP, "columns.z-0=b"])


def test_perigee_of_a_circle() -> None:
    """Particles that start at the beam have no displacement, wherever on their circle they are looked at."""
    rng = np.random.default_rng(3)
    n = 200
    pt, phi, charge = rng.uniform(0.3, 20, n), rng.uniform(-np.pi, np.pi, n), rng.choice([-1.0, 1.0], n)
    slope, turned = rng.normal(0, 1, n), rng.uniform(0, 1.5, n)
    radius = pt / (0.299792458 * 2.0 * charge)
    # forward along the circle from (0, 0, 0.02 m): positive charges turn clockwise in a field along z
    later = phi - turned * np.sign(charge)
    x, y = radius * (np.sin(phi) - np.sin(later)), radius * (np.cos(later) - np.cos(phi))
    z = 0.02 + np.abs(radius) * turned * slope
    p4 = np.stack([0 * pt, pt * np.cos(later), pt * np.sin(later), pt * slope], axis=-1)
    z0, dxy = perigee(p4, np.stack([x, y, z], axis=-1), charge)
    np.testing.assert_allclose(z0, 0.02, atol=1e-9)
    np.testing.assert_allclose(dxy, 0, atol=1e-9)
    # a stiff track that flies along x at the height y passes the beam at that distance
    z0, dxy = perigee(np.array([[1e6, 1e6, 0, 0]]), np.array([[0.3, 0.01, 0.5]]), np.array([1.0]))
    np.testing.assert_allclose([z0[0], abs(dxy[0])], [0.5, 0.01], atol=1e-6)


def test_kinds_are_those_of_a_particle_flow() -> None:
    pdg = np.array([22, 130, 2112, 111, 211, -321, 2212, 11, -11, 13, -13])
    charge = np.array([0, 0, 0, 0, 1, -1, 1, -1, 1, -1, 1.0])
    assert kinds_of(pdg, charge).tolist() == [22, 130, 130, 130, 211, -211, 211, 11, -11, 13, -13]


def test_the_generator_gives_fields_and_moves_no_momentum() -> None:
    for package in ("pythia8mc", "fastjet", "awkward"):
        pytest.importorskip(package, reason=f"{package} is not installed")
    plain = dataclasses.replace(
        load_data_config("puppi-tiny"), fields=False, multiparton_interactions=False, events_per_batch=30
    )
    jets, without = (make_shard(dataclasses.replace(plain, fields=fields), Shard(1, 0, 3)) for fields in (True, False))
    assert "fields" not in plain.settings()
    np.testing.assert_array_equal(jets.px, without.px)
    assert not without.columns
    assert tuple(sorted(jets.columns)) == COLUMNS
    kind, charged = jets.columns["pf_id"], ~np.isin(jets.columns["pf_id"], [22, 130])
    assert set(np.unique(kind)) <= set(PUPPI.field("id").kinds)
    assert 0.4 < charged.mean() < 0.9
    assert np.all(jets.columns["puppi_weight"] == 1)
    for name in ("z0_cm", "dxy_cm"):
        assert not jets.columns[name][~charged].any()
        assert 0.005 < np.median(np.abs(jets.columns[name][charged])) < 0.2
