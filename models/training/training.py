"""The training loop: one seed, one result, however often it was interrupted.

Batches depend on the seed and the epoch alone, and a checkpoint holds weights, optimizer and random state, so a resumed
training ends with the same weights, bit for bit, as an unbroken one (with the same number of threads).
"""

from __future__ import annotations

import dataclasses
import logging
import math
import random
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from tritag.configs import digest, plain_settings
from tritag.errors import RunError, TritagError
from tritag.models.figures.head_metrics import HeadMetrics, read_metrics
from tritag.models.figures.metrics import Metrics
from tritag.models.jets.coded_jets import CodedJets
from tritag.models.jets.inputs import PreparedJets, prepare
from tritag.models.jets.progress import Speed, TrainingProgress
from tritag.models.layers.tagger import Tagger
from tritag.models.nets.head import BINARY, HeadConfig
from tritag.models.training.batches import Batches
from tritag.models.training.checkpoint import (
    CHECKPOINT_FILE,
    HISTORY_FILE,
    TrainingState,
    append_history,
    resume,
    write_checkpoint,
)
from tritag.models.training.config import TrainingConfig
from tritag.models.training.memory import keep_freed_memory
from tritag.models.training.start import in_head
from tritag.models.training.validation import Validation
from tritag.models.training.weights import WEIGHTS_FILE, write_weights

__all__ = ["CodedJets", "TrainingConfig", "TrainingResult", "seed_everything", "train"]

_LOG = logging.getLogger(__name__)
_BETAS = (0.9, 0.999)


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


def seed_everything(seed: int) -> None:
    """Seed Python, NumPy and PyTorch: call it before the tagger is made, for reproducible initial weights."""
    random.seed(seed)
    np.random.seed(seed % 2**32)
    torch.manual_seed(seed)


def train(
    tagger: Tagger,
    training_jets: CodedJets,
    validation_jets: CodedJets,
    config: TrainingConfig,
    directory: Path | str,
    *,
    progress: bool = True,
    name: str = "",
    fresh: bool = False,
    head: HeadConfig = BINARY,
    targets: Tensor | None = None,
    body_rate: float = 1.0,
    config_digest: str = "",
) -> TrainingResult:
    """Train a tagger in place, or finish its interrupted training.

    Before each step, ``on_step(step, iterations)`` is called on every module of the tagger that has it.

    Parameters
    ----------
    tagger : Tagger
        With initial weights; ends in eval mode with the weights that are kept.
    training_jets, validation_jets : CodedJets
        Every class of the head in each.
    config : TrainingConfig
    directory : Path
        Gets ``history.jsonl`` (a line per validation), ``checkpoint.pt`` (until the end) and ``weights.safetensors``.
    progress : bool
        Show a bar on a terminal; otherwise one log line per validation.
    name : str
        Shown with the progress.
    head : HeadConfig
        The outputs of the tagger: it decides about loss and figures.
    targets : (n, outputs) float Tensor, optional
        What replaces :meth:`HeadConfig.wanted` of the training jets (distillation).
    body_rate : float
        Learning rate of all but the head, over that of the head.
    fresh : bool
        Discard a checkpoint, history and weights that are already there.
    config_digest : str
        Of whatever else decides about the result and does not show in tensor shapes (a quantization recipe): a
        checkpoint is only continued under the same.

    Raises
    ------
    RunError
        The directory holds the checkpoint of another training, or a finished one.
    ConfigError
        Fewer training jets than ``batch_size``.
    DataError
        Jets that do not fit the head (:meth:`HeadConfig.check`).
    TritagError
        The loss or its gradient is not finite.
    """
    directory = Path(directory)
    keep_freed_memory()
    head.check(training_jets, "training jets")
    head.check(validation_jets, "validation jets")
    batches = Batches(len(training_jets), config.batch_size, config.seed)
    settings = _settings(tagger, training_jets, validation_jets, config, head, body_rate) | {"config": config_digest}
    groups = _parameter_groups(tagger, body_rate)
    parameters = [p for _, group in groups for p in group]
    # AdamW without weight decay is Adam; the fused form saves a millisecond of Python per step.
    optimizer = torch.optim.AdamW(
        [{"params": group} for _, group in groups],
        lr=config.learning_rate, betas=_BETAS, weight_decay=config.weight_decay, fused=True,
    )  # fmt: skip
    state = _start(directory, settings, tagger, optimizer, config, fresh)
    training = prepare(tagger, training_jets, wanted=head.wanted(training_jets) if targets is None else targets)
    validation = Validation(tagger, validation_jets, head)
    scheduled = [module for module in tagger.modules() if hasattr(module, "on_step")]
    resumed_at, final = state.step, None
    session, interval = Speed(config.batch_size), Speed(config.batch_size)
    saved_at = time.monotonic()
    tagger.train()
    with TrainingProgress(name, state.step, config.iterations, enabled=progress) as bar:
        while state.step < config.iterations:
            began = time.perf_counter()
            for module in scheduled:
                module.on_step(state.step, config.iterations)  # type: ignore[operator]
            for group, (rate, _) in zip(optimizer.param_groups, groups, strict=True):
                group["lr"] = rate * config.learning_rate_at(state.step)
            optimizer.zero_grad(set_to_none=True)
            loss = _add_gradients(tagger, training, batches.at(state.step), config.micro_batch, head)
            norm = torch.nn.utils.clip_grad_norm_(parameters, config.gradient_clip).item()
            _check_finite(loss, norm, state.step, config)
            optimizer.step()
            state.add(loss)
            for speed in (session, interval):
                speed.add(time.perf_counter() - began)
            bar.step(loss, interval.jets_per_s)
            if state.step % config.validate_every == 0 or state.step == config.iterations:
                final, line = validation.record(state, keep_weights=config.keep == "best")
                progress_line = {"step": state.step, "jets_seen": state.step * config.batch_size, **line}
                progress_line["learning_rate"] = config.learning_rate_at(state.step - 1)
                append_history(directory, progress_line | {"jets_per_s": round(interval.jets_per_s)})
                bar.validated(state.step, line["loss"], final.auc.value, interval.jets_per_s)
                interval = Speed(config.batch_size)
            elif time.monotonic() - saved_at < config.checkpoint_every_s:
                continue
            write_checkpoint(directory, settings, state, tagger, optimizer)
            saved_at = time.monotonic()
    final = final or validation.measure()[0]
    if config.keep == "best":
        tagger.load_state_dict(state.best["weights"])
    tagger.eval()
    write_weights(directory / WEIGHTS_FILE, tagger)
    (directory / CHECKPOINT_FILE).unlink(missing_ok=True)
    return TrainingResult(
        weights=directory / WEIGHTS_FILE,
        steps=state.step,
        jets_seen=state.step * config.batch_size,
        resumed_at=resumed_at,
        final=final,
        best=read_metrics(state.best["metrics"], head),
        best_step=state.best["step"],
        jets_per_s=session.jets_per_s,
    )


def _parameter_groups(tagger: Tagger, body_rate: float) -> list[tuple[float, list[Tensor]]]:
    """Learning rates, over that of the configuration, and their parameters: one group unless the body has its own."""
    named = [(name, p) for name, p in tagger.named_parameters() if p.requires_grad]
    if body_rate == 1:
        return [(1.0, [p for _, p in named])]
    return [(body_rate, [p for n, p in named if not in_head(n)]), (1.0, [p for n, p in named if in_head(n)])]


def _settings(
    tagger: Tagger,
    training: CodedJets,
    validation: CodedJets,
    config: TrainingConfig,
    head: HeadConfig,
    body_rate: float,
) -> dict[str, Any]:
    """What decides about the result; a checkpoint is only continued under equal settings."""
    plain = dataclasses.asdict(config)
    del plain["checkpoint_every_s"]
    tensors = [(name, tuple(tensor.shape), str(tensor.dtype)) for name, tensor in tagger.state_dict().items()]
    if head != BINARY:
        plain["head"] = plain_settings(head)
    if body_rate != 1:
        plain["body_rate"] = body_rate
    ratios = bool(head.regression)
    return plain | {
        "tagger": digest({"class": type(tagger).__name__, "tensors": tensors}),
        "training_jets": training.fingerprint(ratios),
        "validation_jets": validation.fingerprint(ratios),
    }


def _start(
    directory: Path, settings: dict[str, Any], tagger: Tagger, optimizer: Any, config: TrainingConfig, fresh: bool
) -> TrainingState:
    directory.mkdir(parents=True, exist_ok=True)
    discard = list(directory.glob(f".{Path(CHECKPOINT_FILE).stem}.*.tmp*"))  # left by a kill while writing
    if fresh:
        discard += [directory / CHECKPOINT_FILE, directory / HISTORY_FILE, directory / WEIGHTS_FILE]
    for path in discard:
        path.unlink(missing_ok=True)
    state = resume(directory, settings, tagger, optimizer)
    if state:
        _LOG.info("resuming at step %d of %d", state.step, config.iterations)
        return state
    if (directory / WEIGHTS_FILE).exists():
        raise RunError(
            f"{directory} must not hold a finished training, got {WEIGHTS_FILE}; "
            "train in another directory, or discard it with fresh=True"
        )
    (directory / HISTORY_FILE).unlink(missing_ok=True)
    seed_everything(config.seed)
    return TrainingState()


def _add_gradients(
    tagger: Tagger, jets: PreparedJets, index: Tensor, micro_batch: int, head: HeadConfig = BINARY
) -> float:
    """Gradients of the mean loss over the jets of ``index`` and of the tagger's penalty; returns their sum."""
    total = 0.0
    for part in index.to(jets.count.device).split(micro_batch):
        batch = jets.select(part)
        outputs = tagger.outputs(batch.inputs, batch.count)
        loss = head.loss(outputs, batch.wanted.to(outputs.dtype)) / len(index)
        loss.backward()
        total += loss.item()
    penalty = tagger.penalty()
    if penalty is not None:
        if penalty.requires_grad:
            penalty.backward()
        total += penalty.item()
    return total


def _check_finite(loss: float, gradient_norm: float, step: int, config: TrainingConfig) -> None:
    if not math.isfinite(loss) or not math.isfinite(gradient_norm):
        what, value = ("gradient norm", gradient_norm) if math.isfinite(loss) else ("training loss", loss)
        raise TritagError(
            f"{what} must be finite, got {value} at step {step} of {config.iterations}; lower learning_rate "
            f"(now {config.learning_rate:g}; gradient_clip is {config.gradient_clip:g}) and start again with fresh=True"
        )
