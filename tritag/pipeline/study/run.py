"""A study from its name to its table."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from tritag.errors import CheckFailed, ConfigError, RunError
from tritag.farm import Farm, kept
from tritag.files import JsonObject, JsonValue
from tritag.pipeline.points.call import Call
from tritag.pipeline.study.config import load_study
from tritag.pipeline.study.scheduler import do_all, done_rows
from tritag.pipeline.study.table import find_section, replace_section, require_jets, study_entries
from tritag.report.figures import is_drawn, write_figures
from tritag.report.study import study_markdown, study_rows
from tritag.terminal import print_progress, print_warning


@dataclass(frozen=True)
class StudyResult:
    """The table of a study.

    Attributes
    ----------
    name : str
        Name of the study.
    rows : tuple of dict
        Figures of every row: means over seeds, statistical errors, spreads, costs.
    elsewhere : str, optional
        Name of the other jets on which AUCs were measured, too.
    missing : int
        Rows that are not done, where the table was asked for so far.
    """

    name: str
    rows: tuple[JsonObject, ...]
    elsewhere: str | None = None
    missing: int = 0

    @property
    def markdown(self) -> str:
        """The table in Markdown, and how many rows are missing in it."""
        table = study_markdown(self.rows, self.elsewhere or "")
        return f"{table}\nRows that are not done: {self.missing}.\n" if self.missing else table

    def as_list(self) -> list[JsonObject]:
        """What ``tritag study --json`` prints."""
        return list(self.rows)

    def as_dict(self) -> JsonObject:
        """Name and rows, and how many are missing."""
        return {"study": self.name, "rows": self.as_list(), "missing": self.missing}

    def require_equal(self) -> None:
        """Raise when firmware of a row differs, or its bit check shows nothing.

        Raises
        ------
        CheckFailed
            With the rows, and for each how many jets differ or why the check shows nothing.
        """
        wrong = [f"{row['tagger']}: {text}" for row in self.rows if (text := _wrong(row.get("firmware")))]
        if wrong:
            raise CheckFailed(f"firmware must give the integers of its tagger; {'; '.join(wrong)}")


def _wrong(firmware: JsonValue) -> str:
    """What is wrong with a row's bit check; empty where nothing is, or none was made."""
    if not isinstance(firmware, Mapping):
        return ""
    if firmware["differ"]:
        return f"{firmware['differ']} of {firmware['jets']} jets differ"
    return str(firmware["weak"])


def study_run(
    name: str,
    write: Path | None = None,
    figures: Path | None = None,
    farm: Farm | None = None,
    retry: bool = False,
    also_jets: Path | None = None,
    so_far: bool = False,
    fresh: bool = False,
) -> StudyResult:
    """Train every row of a study with every seed, check its firmware where it asks for it, and make its table.

    Parameters
    ----------
    name : str
        A name in ``configs/studies``, or a YAML file.
    write : Path, optional
        Markdown file whose section of this study is replaced.
    figures : Path, optional
        Folder for figures of rejection against cost.
    farm : Farm, optional
        Where trainings and checks are done; by default in a process for each core.
    retry : bool
        Try points again that failed in an earlier call.
    also_jets : Path, optional
        Labelled jet file; the table has a column of every row's AUC on it.
    so_far : bool
        Train nothing: a table of the rows that are done.
    fresh : bool
        Train anew what is trained, but of sources or jets that have changed since, or damaged.

    Raises
    ------
    ConfigError
        The study is not valid, the file of ``write`` has no section for it, or a table so far is to be trained.
    DataError
        The jets of ``also_jets`` do not fit a row's tagger.
    RunError
        Points failed, the others are done; something must be trained anew (``fresh``); or no row is done of which a
        table so far was asked for.
    """
    config = load_study(name)
    asked, call = len(config.rows), Call("study", name, retry, fresh)
    if so_far:
        if retry or fresh or (farm or Farm()) != Farm():
            raise ConfigError(
                "a table so far trains nothing; leave out processes, scheduler, farm, client, retry and fresh"
            )
        config = replace(config, rows=done_rows(config, call))
        if not config.rows:
            raise RunError(f"no row of study {name} is done with all its seeds; train it with 'tritag study {name}'")
    if write is not None:
        find_section(write, Path(name).stem)  # before anything is trained
    if also_jets is not None:
        require_jets(config, also_jets)
    if not so_far:
        with kept(farm or Farm()) as workers:
            do_all(config, workers, call)
    rows = tuple(study_rows(study_entries(config, also_jets)))
    elsewhere = None if also_jets is None else also_jets.stem
    result = StudyResult(Path(name).stem, rows, elsewhere, asked - len(config.rows))
    if write is not None:
        replace_section(write, result.name, result.markdown)
        print_progress(f"wrote the section of study {result.name} in {write}")
    if figures is not None:
        for path in write_figures(result.as_list(), figures, result.name):
            print_progress(f"wrote {path}")
        if absent := [row["tagger"] for row in rows if not is_drawn(row)]:
            print_warning(f"infinite rejections have no place in a figure, which lacks {'; '.join(map(str, absent))}")
    return result
