"""What a tagger answers: class scores, and the jet's momentum and mass beside them.

One linear layer behind the pooled features gives all outputs: first the scores, then one number per regressed quantity.
A binary head has one score, the logit of the jet being signal; a head with C named classes has C scores, whose softmax
gives the probabilities. A regressed number x stands for the ratio 1 + x/4 of the true quantity over the jet's: a factor
that firmware applies with one multiplication and one shift.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import Literal

import torch
from torch import Tensor
from torch.nn import functional as F

from tritag import plugins
from tritag.configs import ADDED
from tritag.errors import ConfigError, DataError
from tritag.identifiers import is_label, unusable_label
from tritag.models.jets.coded_jets import QUANTITIES, CodedJets

Quantity = Literal["pt", "mass"]
# A ratio of 1 is output 0; steps of 2**-2.
RATIO_STEP = 0.25
# Larger ratios count as this one in the loss.
LARGEST_RATIO = 4.0
# Least and largest score of an empty jet where outputs are floats: a probability below 2e-28.
FLOAT_SCORES = (-64.0, 64.0)
QCD_NAMES = ("background", "QCD", "qcd", "gluon", "quark", "g", "q")


@dataclass(frozen=True)
class HeadConfig:
    """The outputs of a tagger and their losses (docs/heads.md).

    Attributes
    ----------
    classes : tuple of str
        Names of the classes in the order of the jets' labels; empty for a binary head.
    background : tuple of str
        those of ``classes`` that rejections are quoted against; empty: the usual names of QCD jets among them.
    regression : tuple of "pt" and "mass"
        Quantities to regress: the ratio of the true over the jet's transverse momentum or mass.
    regression_weight : float
        Weight of the regression loss, per quantity, beside that of the class scores. Larger ones cost more in the
        scores than they gain in the ratios (docs/heads.md).
    regression_loss : "huber" or "mse"
        Of the standardised ratios; Huber's turns linear at 1.
    empty_jet_scores : tuple of float
        What a jet without candidates scores, one number for each output, whatever training made of it. By default the
        least probability of signal that the outputs can express (:meth:`scores_of_empty_jet`).
    own_loss : str
        ``FILE.py:FUNCTION``, a function of a plug-in: outputs and wanted (n, outputs) to the loss of each jet (n,), in
        place of those here. Empty: those here.

    Raises
    ------
    ConfigError
        Names twice, unknown or missing backgrounds, or numbers out of their range.
    """

    classes: tuple[str, ...] = ()
    background: tuple[str, ...] = ()
    regression: tuple[Quantity, ...] = ()
    regression_weight: float = 0.1
    regression_loss: Literal["huber", "mse"] = "huber"
    empty_jet_scores: tuple[float, ...] = field(default=(), metadata=ADDED)
    own_loss: str = field(default="", metadata=ADDED)

    def __post_init__(self) -> None:
        for name in ("classes", "background", "regression"):
            values = getattr(self, name)
            if len(set(values)) != len(values):
                raise ConfigError(f"head.{name} must not name anything twice, got {list(values)}")
        if wrong := [name for name in self.classes if not is_label(name)]:
            raise ConfigError(unusable_label("head.classes: a class", wrong[0]))
        if len(self.classes) == 1:
            raise ConfigError(f"head.classes must name two classes or more, got {list(self.classes)}; leave it out")
        if unknown := [name for name in self.background if name not in self.classes]:
            raise ConfigError(f"head.background must be among head.classes {list(self.classes)}, got {unknown}")
        if self.classes and not 0 < len(self.qcd) < len(self.classes):
            raise ConfigError(
                f"head.background must hold some, not all, of head.classes {list(self.classes)}, got {list(self.qcd)}; "
                "name them"
            )
        if not 0 < self.regression_weight < math.inf:
            raise ConfigError(f"head.regression_weight must be > 0 and finite, got {self.regression_weight}")
        loss = (self.regression_weight, self.regression_loss)
        if not self.regression and loss != (HeadConfig.regression_weight, HeadConfig.regression_loss):
            raise ConfigError(
                "head.regression_weight and head.regression_loss have no effect without head.regression, got "
                f"{loss[0]} and {loss[1]}; leave them out"
            )
        if self.own_loss and (loss != (HeadConfig.regression_weight, HeadConfig.regression_loss)):
            raise ConfigError("head.regression_weight and head.regression_loss have no effect with head.own_loss")
        given = self.empty_jet_scores
        if given and (len(given) != self.n_outputs or not all(map(math.isfinite, given))):
            raise ConfigError(
                f"head.empty_jet_scores must hold a finite number for each output ({', '.join(self.output_names)}), "
                f"got {list(given)}"
            )

    @property
    def binary(self) -> bool:
        """Whether the one score is a logit."""
        return not self.classes

    @property
    def n_scores(self) -> int:
        """Number of scores: one logit, or one score per class."""
        return max(len(self.classes), 1)

    @property
    def n_outputs(self) -> int:
        """Number of all outputs, scores and regressed ratios together."""
        return self.n_scores + len(self.regression)

    @property
    def qcd(self) -> tuple[str, ...]:
        """Classes that rejections are quoted against."""
        return self.background or tuple(name for name in self.classes if name in QCD_NAMES)

    @property
    def output_names(self) -> tuple[str, ...]:
        """Name of each output: the class (``logit`` for a binary head), or the quantity."""
        return (*(self.classes or ("logit",)), *self.regression)

    def scores_of_empty_jet(self, low: float, high: float) -> tuple[float, ...]:
        """What a jet without candidates scores, where the outputs can express numbers from ``low`` to ``high``.

        By default the logit of a binary head and the scores of signal classes are ``low``, those of background classes
        ``high``, and regressed ratios 1, so that no cut on a score or on a probability of signal takes the jet.

        Returns
        -------
        tuple of float
            One number for each output, in the order of :attr:`output_names`.
        """
        if self.empty_jet_scores:
            return self.empty_jet_scores
        scores = [high if name in self.qcd else low for name in self.output_names[: self.n_scores]]
        return (*scores, *(0.0 for _ in self.regression))

    def check(self, jets: CodedJets, what: str) -> None:
        """Raise when jets cannot be trained or measured on with this head; ``what`` names them in the message.

        Raises
        ------
        DataError
            Other classes than the head's, labels outside them, a class without jets, or a quantity that is known for
            no jet.
        """
        self.check_names(jets.classes, what)
        if self.binary:
            _check_two_labels(jets, what)
        else:
            _check_labels(jets, what, self.classes)
        for quantity in self.regression:
            if jets.ratios is None or not jets.ratios[:, QUANTITIES.index(quantity)].isfinite().any():
                raise DataError(
                    f"{what} must hold true momenta to regress {quantity}, got none; generate jets or leave {quantity} "
                    "out of head.regression"
                )

    def check_names(self, classes: tuple[str, ...], what: str) -> None:
        """Raise when jets of these classes cannot be trained or measured on; ``what`` names them in the message.

        Raises
        ------
        DataError
            Not two classes for a binary head, or other classes than the head's.
        """
        if self.binary and len(classes) != 2:
            names = ", ".join(classes)
            raise DataError(
                f"{what} must have two classes for a binary head, got {len(classes)} ({names}); name them in the "
                f"tagger's head: --set 'head.classes=[{names}]'"
            )
        if not self.binary and classes != self.classes:
            raise DataError(
                f"{what} must have the head's classes {list(self.classes)} in this order, got {list(classes)}; "
                "change head.classes or the jets"
            )

    def wanted(self, jets: CodedJets) -> Tensor:
        """What the outputs are trained towards: probabilities, then standardised ratios, NaN where unknown.

        Returns
        -------
        (n, outputs) float32
            The first column of a binary head is the probability of being signal.
        """
        scores = jets.label[:, None] if self.binary else F.one_hot(jets.label, len(self.classes))
        if not self.regression:
            return scores.float()
        if jets.ratios is None:
            raise DataError("jets must hold true momenta for a head with regression, got none")
        ratios = jets.ratios[:, [QUANTITIES.index(q) for q in self.regression]]
        return torch.cat([scores.float(), (ratios.clamp(max=LARGEST_RATIO) - 1) / RATIO_STEP], dim=1)

    def answered(self, outputs: Tensor) -> Tensor:
        """A tagger's outputs (n, outputs) in the form of :meth:`wanted`: what it teaches another tagger."""
        scores = outputs[:, : self.n_scores]
        taught = torch.sigmoid(scores) if self.binary else scores.softmax(1)
        return torch.cat([taught, outputs[:, self.n_scores :]], dim=1).float()

    def distilled(self, jets: CodedJets, teacher: Tensor, share: float) -> Tensor:
        """:meth:`wanted`, of which ``share`` in [0, 1] comes from a teacher's outputs (n, outputs).

        The loss is linear in the probabilities. Where the true ratio is unknown the teacher's is not used either.
        """
        return share * self.answered(teacher) + (1 - share) * self.wanted(jets)

    def loss(self, outputs: Tensor, wanted: Tensor, weights: Tensor | None = None) -> Tensor:
        """Sum of the losses of jets: cross-entropy of the scores, Huber or squared error of the known ratios.

        Parameters
        ----------
        outputs, wanted : (n, outputs)
        weights : (n,), optional
            How much each jet counts; all the same by default.
        """
        if weights is not None or self.own_loss:
            weights = torch.ones_like(outputs[:, 0]) if weights is None else weights
            return (weights * self._losses(outputs, wanted)).sum()
        n = self.n_scores
        if self.binary:
            total = F.binary_cross_entropy_with_logits(outputs[:, 0], wanted[:, 0], reduction="sum")
        else:
            total = F.cross_entropy(outputs[:, :n], wanted[:, :n], reduction="sum")
        if not self.regression:
            return total
        known = ~wanted[:, n:].isnan()
        given, target = outputs[:, n:][known], wanted[:, n:][known]
        error = F.huber_loss if self.regression_loss == "huber" else F.mse_loss
        return total + self.regression_weight * error(given, target, reduction="sum")

    def _losses(self, outputs: Tensor, wanted: Tensor) -> Tensor:
        """What :meth:`loss` adds up, (n,)."""
        n = self.n_scores
        if self.own_loss:
            return self._own_losses(outputs, wanted)
        if self.binary:
            total = F.binary_cross_entropy_with_logits(outputs[:, 0], wanted[:, 0], reduction="none")
        else:
            total = F.cross_entropy(outputs[:, :n], wanted[:, :n], reduction="none")
        if not self.regression:
            return total
        known = ~wanted[:, n:].isnan()
        error = F.huber_loss if self.regression_loss == "huber" else F.mse_loss
        errors = error(outputs[:, n:], torch.where(known, wanted[:, n:], outputs[:, n:].detach()), reduction="none")
        return total + self.regression_weight * errors.sum(dim=1)

    def _own_losses(self, outputs: Tensor, wanted: Tensor) -> Tensor:
        function = plugins.attribute(self.own_loss)
        losses = function(outputs, wanted)
        if not isinstance(losses, Tensor) or losses.shape != outputs.shape[:1]:
            shape = tuple(losses.shape) if isinstance(losses, Tensor) else type(losses).__name__
            raise ConfigError(
                f"head.own_loss must give a loss for each of {len(outputs)} jets, shape ({len(outputs)},), got {shape} "
                f"in {plugins.place_of(function)}"
            )
        return losses


BINARY = HeadConfig()


def ratios_of(outputs: Tensor, head: HeadConfig) -> Tensor:
    """Regressed ratios (n, quantities) of a tagger's outputs (n, outputs)."""
    return 1 + RATIO_STEP * outputs[:, head.n_scores :]


def _check_two_labels(jets: CodedJets, what: str) -> None:
    n_signal, n_background = int((jets.label == 1).sum()), int((jets.label == 0).sum())
    if n_bad := len(jets) - n_signal - n_background:
        raise DataError(f"{what} must have labels 0 or 1, got {n_bad} of {len(jets)} with other labels; drop them")
    if not n_signal or not n_background:
        raise DataError(
            f"{what} must hold signal and background, got {n_signal} signal and {n_background} background jets; "
            "shuffle before splitting"
        )


def _check_labels(jets: CodedJets, what: str, classes: tuple[str, ...]) -> None:
    if n_bad := int(((jets.label < 0) | (jets.label >= len(classes))).sum()):
        raise DataError(f"{what} must have labels 0..{len(classes) - 1}, got {n_bad} of {len(jets)} others; drop them")
    counts = torch.bincount(jets.label, minlength=len(classes)).tolist()
    if empty := [name for name, count in zip(classes, counts, strict=True) if not count]:
        raise DataError(f"{what} must hold jets of every class, got none of {empty}; shuffle before splitting")
