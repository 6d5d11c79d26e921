"""What ``tritag data`` finds out about jet files."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from pathlib import Path

from tritag.data.check.jets import CheckRow, check_set, rows_as_json
from tritag.data.check.reference_figures import cuts_of, shown_classes, targets_of
from tritag.data.check.two_sample import TwoSampleResult, compare_sets
from tritag.data.jets.store import JetFileInfo, read_info, read_ragged, verify_digest
from tritag.data.readers.formats import is_own_file, read_any, without_map
from tritag.data.simulation.config import load_data_config
from tritag.data.simulation.generate import ensure_data, make_data
from tritag.errors import CheckFailed, DataError
from tritag.farm import Farm
from tritag.files import JsonObject


@dataclass(frozen=True)
class SetCheck:
    """Figures of a set beside those of public jets.

    Attributes
    ----------
    classes : tuple of str
        Classes of the set.
    rows : tuple of CheckRow
        The figures, each with its verdict.
    reference : str, optional
        Where the public figures come from; None when none are known for these classes.
    """

    classes: tuple[str, ...]
    rows: tuple[CheckRow, ...]
    reference: str | None

    def as_list(self) -> list[JsonObject]:
        """The rows as plain values."""
        return rows_as_json(list(self.rows))

    def require_right(self) -> None:
        """Raise when a figure is off.

        Raises
        ------
        CheckFailed
            The message names the figures.
        """
        wrong = [f"{row.name} ({row.jets})" for row in self.rows if row.verdict == "off"]
        if wrong:
            judged = sum(row.verdict != "no target" for row in self.rows)
            reference = self.reference or "its settings"
            raise CheckFailed(f"{len(wrong)} of {judged} figures differ from {reference}: {', '.join(wrong)}")


@dataclass(frozen=True)
class FileFacts:
    """What a jet file says of itself, its digest verified.

    Attributes
    ----------
    info : JetFileInfo
        Sizes, splits, settings and versions.
    counts : dict
        Jets by split and class.
    """

    info: JetFileInfo
    counts: dict[str, dict[str, int]]

    def as_dict(self) -> JsonObject:
        """What ``tritag data info --json`` prints."""
        return {**asdict(self.info), "counts": self.counts}


def make_file(name: str, out: Path | None = None, processes: Farm | int | None = None) -> Path:
    """Generate the set of a configuration, or find it in the cache; returns its path.

    Raises
    ------
    ToolError
        A package of the generator is missing.
    ConfigError
        No such configuration.
    """
    return ensure_data(name, processes) if out is None else make_data(load_data_config(name), out, processes=processes)


def check_file(file: Path, n_max: int | None = None, split: str | None = None) -> SetCheck:
    """Compare a set with figures of public jets; of other classes only its own cuts are checked."""
    with without_map():
        batch = read_any(file, n_max, split)
    rows = check_set(batch, cuts=cuts_of(read_info(file).settings) if is_own_file(file) else None)
    targets = targets_of(batch.classes)
    return SetCheck(batch.classes, tuple(rows), targets.source if targets else None)


def compare_files(file: Path, other: Path, n_max: int = 20_000) -> dict[str, TwoSampleResult]:
    """How well a classifier tells two sets apart, class by class.

    Raises
    ------
    DataError
        Sets of different classes, or too few jets.
    """
    with without_map():
        one, two = read_any(file, n_max), read_any(other, n_max)
    if one.classes != two.classes:
        raise DataError(
            f"sets to compare must have the same classes, got {', '.join(one.classes)} and {', '.join(two.classes)}; "
            "choose another file"
        )
    return {
        name: compare_sets(one[one.label == label], two[two.label == label])
        for label, name in enumerate(shown_classes(one.classes))
    }


def describe_file(file: Path) -> FileFacts:
    """Read what a jet file of this project says of itself, count its jets, and verify its digest.

    Raises
    ------
    DataError
        No such file, or its content is not what was written.
    """
    info = read_info(file)
    verify_digest(file)
    labels = {name: read_ragged(file, split=name).label for name in info.splits}
    counts = {
        name: {kind: int((label == i).sum()) for i, kind in enumerate(info.classes)} for name, label in labels.items()
    }
    return FileFacts(info, counts)
