"""Figures of the ops' pages over the whole domain of their inputs, not only where jets usually are."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import torch

from benchmarks import gamma_budget, geometry_sweep
from tests.helpers.jets import random_jets
from tests.quant.test_jet_scalars import expected_scalars, scalars
from tritag.data.jets.trigger_grid import TriggerGrid
from tritag.models.layers import jet_geometry
from tritag.quant.formats.fixed import Grid
from tritag.quant.formats.tensor import FixedTensor
from tritag.quant.layers.pairs import QuantPairMasses
from tritag.quant.ops.jet_scalars import CODE_GRID, ETA_DOMAIN, SCALAR_TYPE

OPS = Path(__file__).parents[2] / "docs" / "ops"
PAGE = OPS / "jet_scalars.md"


def _angles() -> np.ndarray:
    """Codes (n, 2) of eta and phi: every eta at some phi, every phi at some eta."""
    edge = int(ETA_DOMAIN / TriggerGrid.ETA_LSB)
    eta, phi = np.arange(-edge, edge + 1), np.arange(TriggerGrid.PHI_MIN, TriggerGrid.PHI_MAX + 1)
    crossed = (np.stack(np.meshgrid(*axes), -1).reshape(-1, 2) for axes in ((eta, phi[::48]), (eta[::48], phi)))
    return np.concatenate(list(crossed))


def test_one_constituent_over_the_whole_domain():
    angles = _angles()
    count = np.ones(len(angles), np.int64)
    rows = re.findall(r"^  \| ([\d.]+) \| (.*) \|$", PAGE.read_text(encoding="utf-8"), re.MULTILINE)
    assert [float(pt) for pt, _ in rows] == [0.25, 0.5, 1, 2, 4, 8, 16]
    for pt, quoted in (*rows, (TriggerGrid.PT_MAX / 4, None)):
        codes = np.concatenate([np.full((len(angles), 1), round(float(pt) * 4)), angles], axis=1)[:, None]
        error = np.abs(scalars(codes, count) - expected_scalars(codes, count)).max((0, 1))
        assert (error[:2] < 1).all(), pt
        if quoted is None:
            assert (error <= [1, 1, 1, 1, 1, 1, 2]).all()
        else:
            assert " | ".join(f"{e:.2f}" for e in error[2:]) == quoted, pt


def test_soft_jets_of_several_constituents():
    rng = np.random.default_rng(1)
    codes, count = random_jets(rng, 20_000, 5)
    codes[..., 0] = np.where(codes[..., 0] > 0, rng.integers(1, 40, codes[..., 0].shape), 0)
    error = np.abs(scalars(codes, count) - expected_scalars(codes, count))[..., 4:].max(1)
    pt, phi = codes[..., 0] * (np.arange(5) < count[:, None]), codes[..., 2] * TriggerGrid.PHI_LSB
    jet_pt_gev = np.hypot((pt * np.cos(phi)).sum(1), (pt * np.sin(phi)).sum(1)) / 4
    for least_gev, bounds in ((1, (5, 5, 16)), (4, (2, 2, 6))):
        chosen = (jet_pt_gev >= least_gev) & (count > 1)
        assert chosen.sum() > 5000
        assert (error[chosen].max(0) < bounds).all(), least_gev
        assert f"{bounds[0]}, {bounds[1]} and" in " ".join(PAGE.read_text(encoding="utf-8").split())


def test_budget_of_gamma():
    """Medians and 99 % are those of the page; the largest depends on single jets."""
    page = (OPS / "jet_frame.md").read_text(encoding="utf-8")
    for line in gamma_budget.lines(4000, 0):
        cells = line.split(" | ")
        quoted = next(row for row in page.splitlines() if row.startswith(" | ".join(cells[:2]))).split(" | ")
        given, expected = (
            [[float(x) for x in re.findall(r"[\d.e+-]+", c)] for c in row[3:]] for row in (cells, quoted)
        )
        assert np.shape(given) == (len(gamma_budget.STAGES), 3)
        np.testing.assert_allclose(given, expected, rtol=0.5)
        grid, tables, _, _, whole = np.transpose(given)[0]
        assert tables <= 1.1 * whole
        assert 5 * whole < grid


def _figures(row: str) -> list[list[float]]:
    return [[float(x) for x in re.findall(r"[\d.e+-]+", cell)] for cell in row.strip("| ").split(" | ")[2:]]


def test_geometry_over_the_whole_domain():
    """Medians and 99 % are those of the page, which names no figure for light jets that holds for others alone."""
    page = (OPS / "jet_frame.md").read_text(encoding="utf-8")
    rows = geometry_sweep.lines(1000, 0)
    assert len(rows) == len(geometry_sweep.LIMITS) - 1
    for row in rows:
        head = " | ".join(row.split(" | ")[:2])
        quoted = next(line for line in page.splitlines() if line.startswith(f"{head} |"))
        given, expected = (np.array(_figures(r))[:, :2] for r in (row, quoted))
        np.testing.assert_allclose(given, expected, rtol=0.2)


def test_pair_masses_over_the_whole_domain():
    codes, count, _ = geometry_sweep.swept_jets(400, 1)
    k, n = geometry_sweep.K, geometry_sweep.K + 3
    inputs = FixedTensor(codes.float(), CODE_GRID), FixedTensor(count.float(), Grid(0, k, 0))
    expected = jet_geometry.PairMasses(k, True, n).double()(codes, count)
    expected[:, torch.arange(n), torch.arange(n)] = 0.0
    error = (QuantPairMasses(k, True, n).eval()(*inputs).value.double() - expected).abs() * 2.0**SCALAR_TYPE.fraction
    assert 1.2 < error.max() <= 2.5
