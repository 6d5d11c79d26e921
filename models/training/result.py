"""What a training ends with."""

from __future__ import annotations

import dataclasses
import math
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tritag.models.figures.head_metrics import HeadMetrics
from tritag.models.figures.metrics import Metrics


@dataclass(frozen=True)
class TrainingResult:
    """End of a training.

    Attributes
    ----------
    weights : Path
        The file written; the tagger holds the same weights.
    steps, jets_seen : int
        Over the whole training.
    resumed_at : int
        Step at which this session began, 0 for an unbroken training.
    final, best : Metrics or HeadMetrics
        Validation after the last step, and the one with the highest AUC (mean over classes).
    best_step : int
        Steps done at the best validation.
    jets_per_s : float
        Training speed of this session without validations; NaN when no step was left.
    """

    weights: Path
    steps: int
    jets_seen: int
    resumed_at: int
    final: Metrics | HeadMetrics
    best: Metrics | HeadMetrics
    best_step: int
    jets_per_s: float

    def as_dict(self) -> dict[str, Any]:
        """Dictionary for JSON, without the path; a figure that is not finite becomes None."""
        plain: dict[str, Any] = {f.name: getattr(self, f.name) for f in dataclasses.fields(self) if f.name != "weights"}
        rate = self.jets_per_s if math.isfinite(self.jets_per_s) else None
        return plain | {"final": self.final.as_dict(), "best": self.best.as_dict(), "jets_per_s": rate}
