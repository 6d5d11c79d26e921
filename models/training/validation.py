"""What a training measures between its steps: figures and loss of the validation jets, and the best so far."""

from __future__ import annotations

import dataclasses
from typing import Any

from tritag.models.figures.head_metrics import HeadMetrics, measure_head
from tritag.models.figures.metrics import Metrics
from tritag.models.jets.coded_jets import CodedJets
from tritag.models.jets.inputs import prepare_if_few
from tritag.models.layers.tagger import Tagger
from tritag.models.nets.head import HeadConfig
from tritag.models.training.checkpoint import TrainingState
from tritag.models.training.evaluate import prepared_outputs

_BATCH = 2048


class Validation:
    """Validation jets of a tagger; its inputs are computed once."""

    def __init__(self, tagger: Tagger, jets: CodedJets, head: HeadConfig) -> None:
        self.tagger, self.jets, self.head = tagger, jets, head
        self.prepared = prepare_if_few(tagger, jets, head.wanted)

    def measure(self) -> tuple[Metrics | HeadMetrics, float]:
        """Figures and mean loss of the tagger as it is now."""
        outputs = prepared_outputs(self.tagger, self.prepared, _BATCH).double()
        loss = self.head.loss(outputs, self.prepared.wanted.double()).item() / len(self.jets)
        return measure_head(outputs.cpu().numpy(), self.jets, self.head), loss

    def record(self, state: TrainingState, keep_weights: bool) -> tuple[Metrics | HeadMetrics, dict[str, Any]]:
        """Figures, and the beginning of a line of history; ``state`` remembers the best figures, and their weights."""
        metrics, loss = self.measure()
        line = {
            "loss": state.loss_sum / state.loss_steps,
            "validation_loss": loss,
            "auc": metrics.auc.value,
            "accuracy": metrics.accuracy.value,
        }
        state.loss_sum, state.loss_steps = 0.0, 0
        best = state.best["metrics"] if state.best else None
        if best is None or metrics.auc.value > auc_of(best):
            state.best = {"step": state.step, "metrics": dataclasses.asdict(metrics)}
            if keep_weights:
                weights = self.tagger.state_dict()
                state.best["weights"] = {name: tensor.detach().clone() for name, tensor in weights.items()}
        return metrics, line


def auc_of(metrics: dict[str, Any]) -> float:
    """AUC in the dictionary of :class:`Metrics` or :class:`HeadMetrics`."""
    return float((metrics if "auc" in metrics else metrics["binary"] or metrics["classes"])["auc"]["value"])
