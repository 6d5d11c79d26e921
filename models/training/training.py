"""The training loop: one seed, one result, however often it was interrupted.

Batches depend on the seed and the epoch alone, and a checkpoint holds weights, optimizer and random state, so a resumed
training ends with the same weights, bit for bit, as an unbroken one (with the same number of threads).
"""

from __future__ import annotations

import logging
import random
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from tritag import advice
from tritag.configs import digest, plain_settings
from tritag.errors import RunError
from tritag.models.figures.head_metrics import HeadMetrics, read_metrics
from tritag.models.figures.metrics import Metrics
from tritag.models.jets.coded_jets import CodedJets
from tritag.models.jets.inputs import prepare_if_few
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
from tritag.models.training.compute import Compute
from tritag.models.training.config import TrainingConfig
from tritag.models.training.gradients import add_gradients, check_finite
from tritag.models.training.jet_weights import jet_weights
from tritag.models.training.memory import keep_freed_memory
from tritag.models.training.optimizer import make_optimizer
from tritag.models.training.result import TrainingResult
from tritag.models.training.start import in_head
from tritag.models.training.validation import Validation
from tritag.models.training.weights import WEIGHTS_FILE, write_weights

__all__ = ["CodedJets", "Training", "TrainingConfig", "TrainingResult", "seed_everything", "train"]

_LOG = logging.getLogger(__name__)


def seed_everything(seed: int) -> None:
    """Seed Python, NumPy and PyTorch: call it before the tagger is made, for reproducible initial weights."""
    random.seed(seed)
    np.random.seed(seed % 2**32)
    torch.manual_seed(seed)


@dataclass(eq=False)
class Training:
    """The training of one tagger, with everything that decides about its weights; :meth:`run` does it.

    Attributes
    ----------
    tagger : Tagger
        With initial weights; it is trained in place.
    training_jets, validation_jets : CodedJets
        Every class of the head in each.
    config : TrainingConfig
        Steps, batches, learning rate, what to keep.
    directory : Path
        Gets ``history.jsonl`` (a line per validation), ``checkpoint.pt`` (until the end) and ``weights.safetensors``.
    head : HeadConfig
        The outputs of the tagger: it decides about loss and figures.
    targets : (n, outputs) float Tensor, optional
        What replaces :meth:`HeadConfig.wanted` of the training jets (distillation).
    body_rate : float
        Learning rate of all but the head, over that of the head.
    config_digest : str
        Of whatever else decides about the result and does not show in tensor shapes (a quantization recipe): a
        checkpoint is only continued under the same.
    fresh : bool
        Discard a checkpoint, history and weights that are already there.
    progress : bool
        Show a bar on a terminal; otherwise one log line per validation.
    name : str
        Shown with the progress.
    compute : Compute
        The device, to which the tagger is moved; it stays there.
    """

    tagger: Tagger
    training_jets: CodedJets
    validation_jets: CodedJets
    config: TrainingConfig
    directory: Path | str
    head: HeadConfig = BINARY
    targets: Tensor | None = None
    body_rate: float = 1.0
    config_digest: str = ""
    fresh: bool = False
    progress: bool = True
    name: str = ""
    compute: Compute = field(default_factory=Compute)

    def run(self) -> TrainingResult:
        """Train the tagger in place, or finish its interrupted training.

        Before each step, ``on_step(step, iterations)`` is called on every module of the tagger that has it. The tagger
        ends in eval mode with the weights that are kept.

        Raises
        ------
        RunError
            The directory holds the checkpoint of another training, or a finished one.
        ConfigError
            Fewer training jets than ``batch_size``, or a device that is not there.
        DataError
            Jets that do not fit the head (:meth:`HeadConfig.check`).
        TritagError
            The loss or its gradient is not finite.
        """
        keep_freed_memory()
        self.head.check(self.training_jets, "training jets")
        self.head.check(self.validation_jets, "validation jets")
        with self.compute.placed(self.tagger):
            return _Session(self).run()

    def settings(self) -> dict[str, Any]:
        """What decides about the result, as a checkpoint holds it; one is only continued under equal settings."""
        plain = plain_settings(self.config)
        del plain["checkpoint_every_s"]
        tensors = [(name, tuple(x.shape), str(x.dtype)) for name, x in self.tagger.state_dict().items()]
        if self.head != BINARY:
            plain["head"] = plain_settings(self.head)
        if self.body_rate != 1:
            plain["body_rate"] = self.body_rate
        ratios = bool(self.head.regression)
        return plain | {
            "tagger": digest({"class": type(self.tagger).__name__, "tensors": tensors}),
            "training_jets": self.training_jets.fingerprint(ratios),
            "validation_jets": self.validation_jets.fingerprint(ratios),
            "config": self.config_digest,
        }

    def parameter_groups(self) -> list[tuple[float, list[Tensor]]]:
        """Learning rates, over that of the configuration, each with its parameters.

        There is one group unless the body has a rate of its own.
        """
        named: list[tuple[str, Tensor]] = [(name, p) for name, p in self.tagger.named_parameters() if p.requires_grad]
        if self.body_rate == 1:
            return [(1.0, [p for _, p in named])]
        body, head = [p for n, p in named if not in_head(n)], [p for n, p in named if in_head(n)]
        return [(self.body_rate, body), (1.0, head)]


def train(
    tagger: Tagger,
    training_jets: CodedJets,
    validation_jets: CodedJets,
    config: TrainingConfig,
    directory: Path | str,
    **options: Any,
) -> TrainingResult:
    """Train a tagger in place, or finish its interrupted training: a :class:`Training` made and run in one call.

    ``options`` are the other attributes of :class:`Training`, which also tells what each is and which errors come.
    """
    return Training(tagger, training_jets, validation_jets, config, directory, **options).run()


class _Session:
    """What a training needs in one process: optimizer, prepared jets, state and clocks."""

    def __init__(self, training: Training) -> None:
        config, self.training = training.config, training
        self.tagger, self.directory = training.tagger, Path(training.directory)
        self.batches = Batches(len(training.training_jets), config.batch_size, config.seed)
        self.settings = training.settings()
        groups = training.parameter_groups()
        self.rates = [rate for rate, _ in groups]
        self.parameters = [p for _, group in groups for p in group]
        self.optimizer = make_optimizer(
            config.optimizer, [group for _, group in groups], config.learning_rate, config.weight_decay
        )
        self.state = self._begin()
        wanted = training.head.wanted if training.targets is None else training.targets
        self.jets = prepare_if_few(self.tagger, training.training_jets, wanted)
        weights = jet_weights(training.training_jets, config)
        self.weights = None if weights is None else weights.to(self.jets.device)
        self.validation = Validation(self.tagger, training.validation_jets, training.head)
        self.scheduled = [module for module in self.tagger.modules() if hasattr(module, "on_step")]
        self.outputs = self.tagger.outputs
        if training.compute.compiled and self.scheduled:  # measured: docs/training.md
            _LOG.warning("a quantized training is not compiled, because its steps would take longer")
        elif training.compute.compiled:
            self.outputs = torch.compile(self.tagger.outputs)
        self.resumed_at = self.state.step
        self.final: Metrics | HeadMetrics | None = None
        self.session, self.interval = Speed(config.batch_size), Speed(config.batch_size)

    def run(self) -> TrainingResult:
        """Do the steps that are left, and write the weights."""
        training, config = self.training, self.training.config
        saved_at = time.monotonic()
        self.tagger.train()
        with TrainingProgress(training.name, self.state.step, config.iterations, enabled=training.progress) as bar:
            while self.state.step < config.iterations:
                bar.step(self._step(), self.interval.jets_per_s)
                if self.state.step % config.validate_every == 0 or self.state.step == config.iterations:
                    self._validate(bar)
                elif time.monotonic() - saved_at < config.checkpoint_every_s:
                    continue
                write_checkpoint(self.directory, self.settings, self.state, self.tagger, self.optimizer)
                saved_at = time.monotonic()
        return self._finish()

    def _begin(self) -> TrainingState:
        """State of the checkpoint that is there, or of a training that begins."""
        directory = self.directory
        directory.mkdir(parents=True, exist_ok=True)
        discard = list(directory.glob(f".{Path(CHECKPOINT_FILE).stem}.*.tmp*"))  # left by a kill while writing
        if self.training.fresh:
            discard += [directory / CHECKPOINT_FILE, directory / HISTORY_FILE, directory / WEIGHTS_FILE]
        for path in discard:
            path.unlink(missing_ok=True)
        state = resume(directory, self.settings, self.tagger, self.optimizer)
        if state:
            _LOG.info("resuming at step %d of %d", state.step, self.training.config.iterations)
            return state
        if (directory / WEIGHTS_FILE).exists():
            raise RunError(
                f"{directory} must not hold a finished training, got {WEIGHTS_FILE}; "
                f"train in another directory, or discard it with {advice.fresh()}"
            )
        (directory / HISTORY_FILE).unlink(missing_ok=True)
        seed_everything(self.training.config.seed)
        return TrainingState()

    def _step(self) -> float:
        """One step of the optimizer; returns its loss."""
        config, step = self.training.config, self.state.step
        began = time.perf_counter()
        for module in self.scheduled:
            module.on_step(step, config.iterations)  # type: ignore[operator]
        for group, rate in zip(self.optimizer.param_groups, self.rates, strict=True):
            group["lr"] = rate * config.learning_rate_at(step, self.state.plateau.share)
        self.optimizer.zero_grad(set_to_none=True)
        loss = add_gradients(
            self.tagger,
            self.jets,
            self.batches.at(step),
            config.micro_batch,
            self.training.head,
            self.weights,
            self.outputs,
        )
        norm = torch.nn.utils.clip_grad_norm_(self.parameters, config.gradient_clip).item()
        check_finite(loss, norm, step, config)
        self.optimizer.step()
        self.state.add(loss)
        for speed in (self.session, self.interval):
            speed.add(time.perf_counter() - began)
        return loss

    def _validate(self, bar: TrainingProgress) -> None:
        """Measure the validation jets and add a line to the history."""
        config, step = self.training.config, self.state.step
        self.final, line = self.validation.record(self.state, keep_weights=config.keep == "best")
        progress_line = {"step": step, "jets_seen": step * config.batch_size, **line}
        progress_line["learning_rate"] = config.learning_rate_at(step - 1, self.state.plateau.share)
        if config.schedule == "plateau":
            self.state.plateau.validated(line["validation_loss"], config.plateau_factor, config.plateau_patience)
        append_history(self.directory, progress_line | {"jets_per_s": round(self.interval.jets_per_s)})
        bar.validated(step, line["loss"], self.final.auc.value, self.interval.jets_per_s)
        self.interval = Speed(config.batch_size)

    def _finish(self) -> TrainingResult:
        """Write the weights that are kept; the checkpoint goes."""
        config, state = self.training.config, self.state
        final = self.final or self.validation.measure()[0]
        if config.keep == "best":
            self.tagger.load_state_dict(state.best["weights"])
        self.tagger.eval()
        write_weights(self.directory / WEIGHTS_FILE, self.tagger)
        (self.directory / CHECKPOINT_FILE).unlink(missing_ok=True)
        return TrainingResult(
            weights=self.directory / WEIGHTS_FILE,
            steps=state.step,
            jets_seen=state.step * config.batch_size,
            resumed_at=self.resumed_at,
            final=final,
            best=read_metrics(state.best["metrics"], self.training.head),
            best_step=state.best["step"],
            jets_per_s=self.session.jets_per_s,
        )
