"""Physics figures of a run on labelled jets, and the ratio of its rejections to another run's."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from tritag.errors import ConfigError
from tritag.files import JsonObject
from tritag.models.figures.comparison import RejectionRatio, rejection_ratio
from tritag.models.figures.head_metrics import HeadMetrics, measure_head, tag_scores
from tritag.models.figures.metrics import Metrics
from tritag.models.jets.coded_jets import CodedJets
from tritag.models.training.compute import Compute
from tritag.models.training.evaluate import scores
from tritag.pipeline.jets import coded_jets, labelled_jets
from tritag.pipeline.opened import OpenedRun, measured, writing


@dataclass(frozen=True)
class Against:
    """Another run on the same jets.

    Attributes
    ----------
    run : OpenedRun
        The other run.
    ratios : dict
        Rejection over the other's at signal efficiency 0.3, by the signal's name; ``signal`` of a binary head.
    """

    run: OpenedRun
    ratios: dict[str, RejectionRatio]

    def as_dict(self) -> JsonObject:
        """The other run's name and the ratios; the one of a binary head without its name."""
        figures = {name: ratio.as_dict() for name, ratio in self.ratios.items()}
        binary = list(figures) == ["signal"]
        return {"run": self.run.name, **(figures["signal"] if binary else figures)}


@dataclass(frozen=True)
class EvaluateResult:
    """Figures of a run.

    Attributes
    ----------
    run : OpenedRun
        The run.
    jets : str
        ``test`` for the run's own test jets, else the path of the file.
    metrics : Metrics or HeadMetrics
        Accuracy, AUC, background rejections and responses, with statistical errors.
    against : Against, optional
        Comparison with another run.
    """

    run: OpenedRun
    jets: str
    metrics: Metrics | HeadMetrics
    against: Against | None

    def as_dict(self) -> JsonObject:
        """Content of ``evaluation.json``."""
        plain: JsonObject = {"run": self.run.name, "jets": self.jets, **self.metrics.as_dict()}
        return plain if self.against is None else {**plain, "against": self.against.as_dict()}


def evaluate_run(
    opened: OpenedRun,
    jets: Path | None = None,
    other: OpenedRun | None = None,
    progress: bool = True,
    compute: Compute | None = None,
) -> EvaluateResult:
    """Measure a run; the result of its own test jets goes into ``evaluation.json``.

    Parameters
    ----------
    jets : Path, optional
        Labelled jet file; by default the run's test jets.
    other : OpenedRun, optional
        A run to compare with on the same jets, which its own training may have seen.
    progress : bool
        Show a bar on a terminal.
    compute : Compute, optional
        The device; by default ``$TRITAG_DEVICE``, else the processor.

    Raises
    ------
    DataError
        The jets do not fit the head, or a run from the zoo has its own jets elsewhere.
    ConfigError
        The two runs have different classes, or the device is not there.
    """
    compute = compute or Compute()
    facts = compute.facts()
    result = measured(opened, "evaluation.json", jets, lambda: _evaluated(opened, jets, other, progress, compute))
    if jets is None:
        with writing(opened.run):
            opened.run.record_provenance("evaluate", **facts)
    return result


def _evaluated(
    opened: OpenedRun, jets: Path | None, other: OpenedRun | None, progress: bool, compute: Compute
) -> EvaluateResult:
    sample = labelled_jets(opened, jets)
    given = outputs_on(opened, sample, progress, compute)
    head = opened.recipe.tagger.head
    metrics = measure_head(given, sample, head)
    against = None
    if other is not None:
        # the same jets, cut to the other's constituents
        other_sample = coded_jets(other.recipe, None if jets else "test", file=jets or opened.recipe.data)
        other_given = outputs_on(other, other_sample, progress, compute)
        other_head = other.recipe.tagger.head
        if other_head.classes != head.classes or other_head.qcd != head.qcd:
            raise ConfigError(
                f"taggers to compare must have the same classes, got {list(head.classes)} and "
                f"{list(other_head.classes)} (an empty list is a binary head)"
            )
        answers = tag_scores(given, sample.label.numpy(), head)
        others = tag_scores(other_given, other_sample.label.numpy(), other_head)
        ratios = {name: rejection_ratio(a, others[name][0], labels) for name, (a, labels) in answers.items()}
        against = Against(other, ratios)
    return EvaluateResult(opened, str(jets) if jets else "test", metrics, against)


def outputs_on(opened: OpenedRun, jets: CodedJets, progress: bool, compute: Compute) -> NDArray[np.float64]:
    """What a run's tagger answers to jets: (n,), or (n, outputs) of other heads than a binary one."""
    tagger = opened.tagger()
    with compute.placed(tagger):
        return scores(tagger, jets, progress=progress)
