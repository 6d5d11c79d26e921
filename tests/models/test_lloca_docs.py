"""The figures of docs/lloca.md are those of its formulas and of the code."""

from __future__ import annotations

import math
import re

import pytest

from tritag.models.layers.frames import DEGENERATE, MAX_FRAME_VELOCITY
from tritag.models.layers.jet_geometry import (
    PAIR_MASS_MEAN,
    PAIR_MASS_SCALE,
    PRODUCT_MEANS,
    PRODUCT_SCALES,
    SMALLEST_SINE,
)
from tritag.models.layers.lorentz import MAX_JET_VELOCITY, REGULATOR_MASS_GEV
from tritag.models.nets.lloca import LLoCaConfig
from tritag.models.nets.registry import load_tagger_config


@pytest.fixture(scope="module")
def page(repository):
    return (repository / "docs" / "lloca.md").read_text(encoding="utf-8")


def multiplications(sizes, k):
    """The columns of the table, from the formulas above it."""
    n, c, r, b, h = k + 3, sizes.channels, sizes.mlp_factor, sizes.blocks, sizes.frames_hidden
    e = h * h + 4 * h
    features, local = (11, 19 * k) if sizes.features == "directions" else (7, 16 * k + 16)
    backbone = features * c * k + b * (k * (4 + 2 * r) * c * c + 2 * k * k * c) + c
    if sizes.frames_net == "tokens":
        inputs = 9 if sizes.frames_inputs == "scalars" else 2
        parts = (n * ((inputs + 3) * h + h * h), 12 * n, 82, local, 0)
    elif sizes.frames == "global":
        parts = (14 * h * k + n * (n - 1) * e, 15 * n * (n - 1) + 24 * n, 82, local, 0)
    else:
        parts = (14 * h * k + k * (n - 1) * e, 15 * k * (n - 1), 82 * k, 32 * k, 8 * b * c * k)
    return [backbone, *parts, backbone + sum(parts)]


def test_table_of_multiplications(page):
    rows = re.findall(r"^\| `(lloca-\S+)` \| (\d+) \| (.+) \|$", page, re.MULTILINE)
    assert len(rows) == 10
    for name, k, figures in rows:
        expected = multiplications(LLoCaConfig(**load_tagger_config(name).sizes), int(k))
        assert [int(x) for x in figures.split(" | ")] == expected, f"{name}, K = {k}"


def test_unsplit_network(page):
    for k, h in ((16, 4), (30, 4)):
        assert str((k + 3) * (k + 2) * (18 * h + h * h)) in page


def test_constants(page):
    superscript = str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹")
    degenerate = f"2{round(math.log2(DEGENERATE))}".translate(superscript)[1:]
    sine = f"2{round(math.log2(SMALLEST_SINE))}".translate(superscript)[1:]
    for text in (
        rf"\|u\| = {MAX_FRAME_VELOCITY:.0f}",
        rf"\|u\| ≤ {MAX_JET_VELOCITY:.0f}",
        f"2{degenerate} m",
        f"2{sine} of the energy",
        f"(x - {PAIR_MASS_MEAN})·{PAIR_MASS_SCALE}",
        *(f"(x - {mean})·{scale}" for mean, scale in zip(PRODUCT_MEANS, PRODUCT_SCALES, strict=True)),
        f"{1000 * REGULATOR_MASS_GEV:.0f} MeV",
    ):
        assert text in page, text
