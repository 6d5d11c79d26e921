"""The table of a study: figures of every row, and the section of a document that shows them."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from tritag.configs import load_config
from tritag.errors import ConfigError
from tritag.files import JsonObject, write_text
from tritag.models.figures.head_metrics import tag_scores
from tritag.models.jets.coded_jets import CodedJets
from tritag.models.nets.macs import count_macs
from tritag.models.nets.registry import TaggerConfig, count_parameters, make_tagger
from tritag.models.training.compute import Compute
from tritag.pipeline.cost import cost_run
from tritag.pipeline.evaluate import outputs_on
from tritag.pipeline.jets import coded_jets
from tritag.pipeline.opened import OpenedRun
from tritag.pipeline.run_files import CsimFile, VerdictFile
from tritag.pipeline.strength import Strength
from tritag.pipeline.study.config import StudyConfig, StudyRow, row_recipe
from tritag.pipeline.train import trained_run
from tritag.quant.measure.cost import Cost, total_cost
from tritag.quant.measure.cost_taggers import NETWORKS, sizes_of
from tritag.report.study import StudyEntry
from tritag.structured import read_text

_PAGE_BYTES_MAX = 16_000_000
# Scores (n,) and labels (n,) of one question, signal against background, by the signal's name.
_Answers: TypeAlias = Mapping[str, tuple[NDArray[np.float64], NDArray[np.int64]]]


@dataclasses.dataclass(frozen=True)
class _RowRuns:
    """What the runs of a row gave: tagger, answers (elsewhere: on other jets), costs by seed, one bit check."""

    tagger: TaggerConfig
    answers: list[_Answers]
    elsewhere: list[_Answers]
    costs: list[JsonObject]
    firmware: JsonObject | None


def study_entries(config: StudyConfig, also: Path | None = None) -> list[StudyEntry]:
    """Entries of all rows; a row with a multi-class head has one per signal class, against the background classes.

    The first float row of a tagger is what its other rows are compared with. ``also`` is a jet file on which every
    tagger answers, too.
    """
    entries: list[StudyEntry] = []
    keys: list[tuple[str, int | None, str]] = []
    references: dict[tuple[str, int | None, str], int] = {}
    for row in config.rows:
        for signal, entry in _row_entries(config, row, also):
            keys.append((row.tagger, row.constituents, signal))
            if row.precision == "float" and row.on_grid:
                references.setdefault(keys[-1], len(entries))
            entries.append(entry)
    found = [references.get(key) for key in keys]
    return [
        dataclasses.replace(e, reference=None if r == i else r)
        for i, (e, r) in enumerate(zip(entries, found, strict=True))
    ]


def require_jets(config: StudyConfig, path: Path) -> None:
    """Raise before anything is trained when a row's tagger cannot be measured on the jets of a file.

    Raises
    ------
    DataError
        As :func:`tritag.pipeline.jets.coded_jets`, or jets without the two classes or the head's.
    """
    taggers: list[TaggerConfig] = []
    for row in config.rows:
        recipe = row_recipe(config, dataclasses.replace(row, start=None, body_rate=1.0), config.seeds[0])
        if recipe.tagger not in taggers:
            taggers.append(recipe.tagger)
            recipe.tagger.head.check(coded_jets(recipe, None, path), str(path))


def _row_entries(config: StudyConfig, row: StudyRow, also: Path | None) -> list[tuple[str, StudyEntry]]:
    """Name of the signal and entry of every question that the row's tagger answers."""
    runs = _row_runs(config, row, also)
    tagger = runs.tagger
    remarks = [*([] if row.on_grid else ["off the grid"]), *([row.note] if row.note else [])]
    label = ", ".join([row.tagger, f"K = {tagger.n_constituents}", row.precision, *remarks])
    network, n_codes = make_tagger(tagger), len(tagger.candidates.fields)
    return [
        (
            name,
            StudyEntry(
                f"{label}: {signal}" if (signal := _signal(tagger, name)) else label,
                count_parameters(network),
                [answer[name][0] for answer in runs.answers],
                labels,
                costs=runs.costs,
                paper=paper_cost(tagger, row, config.settings),
                macs=count_macs(network, tagger.n_constituents, n_codes) if config.firmware else None,
                firmware=runs.firmware,
                elsewhere=[answer[name] for answer in runs.elsewhere] or None,
                signal=_signal(tagger, name),
            ),
        )
        for name, (_, labels) in runs.answers[0].items()
    ]


def _signal(tagger: TaggerConfig, name: str) -> str:
    """The question that a multi-class head answers; empty for one with a single question."""
    return "" if tagger.head.binary else f"{name} against {'+'.join(tagger.head.qcd)}"


def _row_runs(config: StudyConfig, row: StudyRow, also: Path | None) -> _RowRuns:
    answers: list[_Answers] = []
    elsewhere: list[_Answers] = []
    costs: list[JsonObject] = []
    firmware: JsonObject | None = None
    sample: CodedJets | None = None
    for seed in config.seeds:
        recipe = row_recipe(config, row, seed)
        opened = trained_run(row.tagger, recipe)
        if recipe.quant is not None and recipe.quant.exact:
            costs.append(cost_run(opened).counts)
            firmware = firmware or (_firmware(opened) if config.firmware else None)
        file = opened.run.read_npz("scores.npz", ("scores", "labels"))
        answers.append(tag_scores(file["scores"], file["labels"], recipe.tagger.head))
        if also is not None:
            sample = sample or coded_jets(recipe, None, also)  # the same for all seeds
            outputs = outputs_on(opened, sample, False, Compute())
            elsewhere.append(tag_scores(outputs, sample.label.numpy(), recipe.tagger.head))
    return _RowRuns(recipe.tagger, answers, elsewhere, costs, firmware)  # the tagger is the same for all seeds


def _firmware(opened: OpenedRun) -> JsonObject:
    """What the table says of a checked run.

    Jets that differ in any executor, jets compared, why that shows nothing (empty where it does), seconds of the
    compilation.
    """
    verdicts: list[VerdictFile] = opened.run.read_json("verify.json")
    csim: CsimFile = opened.run.read_json("csim.json")
    return {
        "differ": max(v["differ"] for v in verdicts),
        "jets": min(v["jets"] for v in verdicts),
        "weak": Strength.read(verdicts[0]["strength"]).weakness,
        "compile_s": csim["compile_s"],
    }


def paper_cost(tagger: TaggerConfig, row: StudyRow, common: Sequence[str] = ()) -> Cost | None:
    """Cost by formula, where precision and network have one and the settings change no width.

    ``common`` are settings of all rows of the study; those of widths leave float rows as they are.
    """
    name = "f32" if row.precision == "float" else load_config("precisions", row.precision).get("cost")
    if (
        name is None
        or tagger.network not in NETWORKS
        or tagger.head.n_outputs > 1
        or tagger.fields
        or any(s.startswith("quant.") for s in (*row.settings, *(common if row.precision != "float" else ())))
    ):
        return None
    return total_cost(sizes_of(tagger), tagger.n_constituents, name)


def find_section(path: Path, name: str) -> tuple[str, str]:
    """Text up to the marker ``<!-- study NAME -->`` of a Markdown file, and text from ``<!-- end NAME -->`` on.

    Raises
    ------
    ConfigError
        The file does not exist, is not UTF-8, or lacks the markers in this order.
    """
    begin, end = f"<!-- study {name} -->", f"<!-- end {name} -->"
    advice = f"name a Markdown file with the lines {begin!r} and {end!r} where the table belongs"
    text = read_text(path, ConfigError, "Markdown", _PAGE_BYTES_MAX, advice)
    head, _, rest = text.partition(begin)
    _, found, tail = rest.partition(end)
    if not found:
        raise ConfigError(f"{path} must hold the lines {begin!r} and {end!r}; add them where the table belongs")
    return f"{head}{begin}\n", f"{end}{tail}"


def replace_section(path: Path, name: str, table: str) -> None:
    """Put ``table`` between the markers that :func:`find_section` finds.

    Raises
    ------
    ConfigError
        As there.
    """
    head, tail = find_section(path, name)
    # a note that looks like a marker would end the section early at the next write
    write_text(path, f"{head}{table.replace('<!--', '&lt;!--')}{tail}")
