"""Small studies on the sample's jets."""

from __future__ import annotations

from pathlib import Path

from tests.helpers.jets import SAMPLE


def write_study(path: Path, *precisions: str, more: str = "") -> Path:
    """A study of the 2k transformer with four candidates: ten steps each, a row for every precision."""
    training = "training.iterations=10, training.batch_size=64, training.validate_every=10"
    rows = "".join(f"  - {{tagger: transformer-2k, constituents: 4, precision: {p}}}\n" for p in precisions)
    path.write_text(f"data: {SAMPLE}\nseeds: [1]\nsettings: [{training}]\n{more}rows:\n{rows}")
    return path
