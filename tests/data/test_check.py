"""The comparison with real jets, the two-sample test, and the sample that travels with the package."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from tritag.data.check.jets import check_set, rows_as_json
from tritag.data.check.reference_figures import Cuts
from tritag.data.check.two_sample import compare_sets
from tritag.data.jets.features import jet_mass_gev, n_duplicates, pt_share, substructure
from tritag.data.jets.jets import JetBatch
from tritag.data.simulation.sample import N_CONSTITUENTS, read_sample
from tritag.errors import DataError


@pytest.fixture(scope="module")
def sample() -> JetBatch:
    """400 generated jets, half of them tops."""
    return read_sample()


def test_sample_content(sample: JetBatch) -> None:
    assert sample.p4.shape == (400, N_CONSTITUENTS, 4)
    assert int((sample.label == 1).sum()) == 200
    assert len(read_sample("train")) == 200


def test_sample_looks_like_real_jets(sample: JetBatch) -> None:
    rows = check_set(sample)
    assert len(rows) == 2 * 6 + 3 + 3
    # the cut to 64 constituents shows in their spread and in the pT it costs, and in nothing else
    assert {row.name for row in rows if row.verdict != "ok"} == {
        "constituents, standard deviation",
        "pT in the leading 64 (%)",
        "jets outside pT 550..650 GeV",
    }


def test_rows_are_plain_values(sample: JetBatch) -> None:
    first = rows_as_json(check_set(sample))[0]
    assert (first["name"], first["jets"], first["target"]) == ("constituents, mean", "QCD", 43.3)
    assert first["sigmas"] == pytest.approx((first["value"] - 43.3) / np.hypot(first["error"], 0.58))


def test_wrong_sets_are_noticed(sample: JetBatch) -> None:
    heavy = JetBatch(sample.p4 * np.float32(1.2), sample.n_constituents, sample.label)
    wrong = {(row.name, row.jets) for row in check_set(heavy) if row.verdict == "off"}
    assert ("mass, median (GeV)", "top") in wrong
    assert ("jets outside pT 550..650 GeV", "both") in wrong
    swapped = JetBatch(sample.p4, sample.n_constituents, 1 - sample.label)
    assert sum(row.verdict == "off" for row in check_set(swapped)) >= 6


def test_one_class_is_enough(sample: JetBatch) -> None:
    assert {row.jets for row in check_set(sample[sample.label == 1])} == {"top", "both"}


def test_unlabelled_or_few_jets_are_refused(sample: JetBatch) -> None:
    with pytest.raises(DataError, match="at least 20 labelled jets of a class, got 10 jets"):
        check_set(sample[:10])
    unlabelled = JetBatch(sample.p4, sample.n_constituents, np.full(400, -1))
    with pytest.raises(DataError, match="at least 20 labelled jets"):
        check_set(unlabelled)


def test_duplicates_against_all_pairs(sample: JetBatch) -> None:
    few = sample[:20]
    pt = np.hypot(few.p4[..., 1], few.p4[..., 2]).astype(float)
    eta = np.arcsinh(few.p4[..., 3].astype(float) / np.maximum(pt, 1e-9))
    phi = np.arctan2(few.p4[..., 2].astype(float), few.p4[..., 1].astype(float))
    close = np.maximum(np.abs(eta[:, :, None] - eta[:, None]), np.abs(phi[:, :, None] - phi[:, None])) < 3e-6
    close &= few.mask[:, :, None] & few.mask[:, None, :] & ~np.eye(N_CONSTITUENTS, dtype=bool)
    np.testing.assert_array_equal(n_duplicates(few), close.any(axis=2).sum(axis=1))
    assert n_duplicates(few).sum() > 0


def test_features_of_a_simple_jet() -> None:
    # two equal constituents at right angles in phi
    p4 = np.zeros((1, 3, 4), np.float32)
    p4[0, 0], p4[0, 1] = (100, 100, 0, 0), (100, 0, 100, 0)
    jet = JetBatch(p4, np.array([2]), np.array([1]))
    assert jet_mass_gev(jet)[0] == pytest.approx(100 * np.sqrt(2))
    assert pt_share(jet, 1)[0] == pytest.approx(0.5)
    features = substructure(jet)
    assert features["girth"][0] == pytest.approx(np.pi / 4)
    assert features["e2"][0] == pytest.approx(0.25 * np.pi / 2)
    assert features["e3"][0] == pytest.approx(0)
    assert features["pt_dispersion"][0] == pytest.approx(np.sqrt(0.5))
    assert all(values.shape == (1,) and np.isfinite(values).all() for values in features.values())


def test_sets_without_public_figures_are_shown_without_a_verdict(sample: JetBatch) -> None:
    five = replace(sample, label=np.arange(400) % 5, classes=tuple("gqWZt"))
    rows = check_set(five)
    assert {row.jets for row in rows} == {*"gqWZt", "all"}
    assert {row.verdict for row in rows if row.target is None} == {"no target"}
    # no cuts are known either: only the order of the constituents is judged
    assert [row.name for row in rows if row.verdict == "ok"] == ["jets with constituents not sorted by pT"]
    judged = {row.name: row.verdict for row in check_set(five, cuts=Cuts(900.0, 1100.0, 4.0)) if row.target is not None}
    assert judged["jets outside pT 900..1100 GeV"] == "off"
    assert judged["jets outside |eta| < 4"] == "ok"


def test_quark_and_gluon_jets_have_one_public_figure(sample: JetBatch) -> None:
    rows = check_set(replace(sample, classes=("gluon", "quark")))
    judged = {(row.name, row.jets): row.verdict for row in rows if row.target_error}
    # the sample's QCD and top jets are neither
    assert judged == {("constituents, mean", "gluon"): "off", ("constituents, mean", "quark"): "off"}
    assert rows_as_json(rows)[1]["sigmas"] is None


def test_two_sample_test(sample: JetBatch) -> None:
    tops, qcd = sample[sample.label == 1], sample[sample.label == 0]
    same = compare_sets(tops[:100], tops[100:])
    assert abs(same.auc - 0.5) < 4 * same.error
    assert compare_sets(tops, qcd).auc > 0.9
    with pytest.raises(DataError, match="needs at least 100 jets of a class in each set, got 99"):
        compare_sets(tops, qcd[:99])
