"""Studies: tables from scores, and the section they replace in a document."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from tritag.commands.study import replace_section
from tritag.errors import ConfigError
from tritag.report.study import StudyEntry, study_markdown, study_rows


def _entries(n: int = 4000) -> list[StudyEntry]:
    rng = np.random.default_rng(3)
    labels = np.repeat([0, 1], n)
    good = [rng.normal(labels * 2.0) for _ in range(2)]
    bad = [scores + rng.normal(size=2 * n) for scores in good]
    return [StudyEntry("good", 10, good, labels), StudyEntry("bad", 10, bad, labels, reference=0)]


def test_rows_have_means_errors_and_ratio_to_the_reference() -> None:
    good, bad = study_rows(_entries())
    assert good["seeds"] == 2
    assert good["n_background"] == 4000
    assert "ratio" not in good
    assert bad["reference"] == "good"
    assert 0 < bad["ratio"]["value"] < 1
    assert bad["auc"]["value"] < good["auc"]["value"]
    assert good["auc"]["spread"] is not None


def test_table_has_a_line_per_row() -> None:
    table = study_markdown(study_rows(_entries())).splitlines()
    assert len(table) == 4
    assert table[2].startswith("| good |")
    assert table[2].count("±") == 8
    assert table[3].count("|") == table[0].count("|")


def test_section_is_replaced_and_nothing_else(tmp_path: Path) -> None:
    page = tmp_path / "results.md"
    page.write_text("before\n<!-- study a -->\nold\n<!-- end a -->\nafter\n")
    replace_section(page, "a", "| new |\n")
    assert page.read_text() == "before\n<!-- study a -->\n| new |\n<!-- end a -->\nafter\n"
    with pytest.raises(ConfigError, match="must hold the lines '<!-- study b -->'"):
        replace_section(page, "b", "x")
