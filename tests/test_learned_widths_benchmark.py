"""The count of the comparison with HGQ2 is tritag's own; tests without HGQ2."""

from __future__ import annotations

import dataclasses
import sys
from pathlib import Path

import numpy as np
import pytest
from numpy.testing import assert_array_equal
from typer.testing import CliRunner

from benchmarks import learned_widths_beside_hgq2 as benchmark
from benchmarks import widths_count, widths_page
from benchmarks.widths_settings import FORMAT, Settings
from tritag.errors import RunError
from tritag.files import write_json
from tritag.quant.formats.effective_bits import significant_bits


def test_width_counts_a_sign_where_something_is_left() -> None:
    found = widths_count.total_bits(np.array([1, 1, 0, 1]), np.array([2, -3, 0, -1e9]), np.array([5, 3, 4, 6]))
    assert_array_equal(found, [8, 0, 4, 0])


def test_weights_count_their_effective_bits() -> None:
    assert_array_equal(widths_count.weight_bits(np.array([0.0, -0.25, 0.75, 1.25, -2.0])), [0, 1, 2, 3, 1])


def test_linear_layer_counts_as_in_the_firmware_graph() -> None:
    codes = np.random.default_rng(1).integers(-127, 128, (7, 16))
    found = widths_count.linear_operations(np.full((30, 7), 12), codes / 64)
    assert found == 30 * 12 * significant_bits(codes).sum()


def test_pruned_activations_are_free() -> None:
    bits = np.array([[8, 0], [0, 0]])
    assert widths_count.linear_operations(bits, np.array([[0.5, 0.75], [1.0, 1.0]])) == 8 * (1 + 2)
    assert widths_count.scale_operations(bits, np.array([0.75, 1.0])) == 8 * 2


def test_attention_counts_as_in_the_firmware_graph() -> None:
    query, key = np.full((30, 2, 8), 8), np.full((30, 2, 8), 6)
    assert widths_count.product_operations("nhd,mhd->", query, key) == 30 * 30 * 16 * 8 * 6


def test_two_trainings_have_a_cosine_each() -> None:
    rates = Settings(first_steps=10, steps=4, first_rate=0.01, rate=0.005).learning_rates()
    assert len(rates) == 14
    assert rates[0] == 0.01
    assert rates[10] == 0.005
    assert rates[9] < 0.001


def test_missing_package_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KERAS_BACKEND", "")
    monkeypatch.setitem(sys.modules, "jax", None)
    import typer

    app = typer.Typer()
    app.command()(benchmark.main)
    result = CliRunner().invoke(app, ["--beta", "1e-8"])
    assert result.exit_code == 2
    assert "package jax must be installed" in result.output
    assert len(result.output.strip().splitlines()) == 1


def made_point(side: str, seed: int, rejection: float, **own: object) -> dict[str, object]:
    figures = {"auc": {"value": 0.96, "error": 0.002}}
    figures["rejections"] = [{"signal_efficiency": 0.3, "value": rejection, "error": 5.0}]  # type: ignore[assignment]
    settings = dataclasses.asdict(Settings(data="top-demo", constituents=16, seed=seed))
    point = {"format": FORMAT, "side": side, "settings": settings, "beta": 1e-7, "jets_seen": 768_000, "test": figures}
    return point | {"effective_bit_operations": 2e5, "stages": {"linear": 2e5}, "cpu_s": 30} | own


def test_table_has_means_errors_spreads_and_resources(tmp_path: Path) -> None:
    estimate = {"estimate": {"lut": 100_000, "dsp": 20}, "inputs_estimate": {"lut": 20_000, "dsp": 10}}
    for seed, rejection in ((1, 90.0), (2, 110.0)):
        point = made_point("tritag", seed, rejection, precision="learned-bits", changes=["quant.a=1"], **estimate)
        write_json(tmp_path / f"tritag-beta1e-07-seed{seed}-x.json", point)
    write_json(tmp_path / "hgq2-beta1e-07-seed1-x.json", made_point("hgq2", 1, 50.0))
    points = widths_page.read_points(tmp_path)
    _, _, hgq2, own = widths_page.table(points).splitlines()
    assert "| HGQ2 | 1e-07 | 1 | 0.9600 ± 0.0020 | 50 ± 5 | 0.200 | 0.200 |" in hgq2
    assert "| tritag, learned-bits, a=1 | 1e-07 | 2 | 0.9600 ± 0.0020 ± 0.0000 | 100 ± 5 ± 14 | 0.200 |" in own
    assert own.endswith("| 80 | 30 |")  # (100 - 20) thousand LUT and 10 DSP
    write_json(tmp_path / "hgq2-beta1e-07-seed1-x.alkaid.json", {"alkaid_cost": 31_800.0})
    assert "| 32 | 30 |" in widths_page.table(widths_page.read_points(tmp_path)).splitlines()[2]


def test_folder_without_points_is_refused(tmp_path: Path) -> None:
    with pytest.raises(RunError, match="must hold points of learned widths, got none"):
        widths_page.read_points(tmp_path)
    write_json(tmp_path / "hgq2-beta1e-07-seed1-x.json", made_point("hgq2", 1, 50.0, format=1))
    with pytest.raises(RunError, match="must have format 2"):
        widths_page.read_points(tmp_path)
