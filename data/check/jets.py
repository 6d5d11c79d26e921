"""Do generated jets look like public ones? Compares a set of jets with reference figures (reference_figures.py)."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from rich.table import Table
from rich.text import Text

from tritag.data.check.reference_figures import Cuts, shown_classes, targets_of
from tritag.data.jets.features import jet_mass_gev, jet_p4, jet_pt_gev, n_duplicates, pt_share
from tritag.data.jets.jets import JetBatch, check_jets
from tritag.errors import DataError, printable

SIGMAS_MAX = 3.0
_RESAMPLINGS = 200
_JETS_MIN = 20


@dataclass(frozen=True)
class CheckRow:
    """One figure of a set beside its target.

    Attributes
    ----------
    name : str
    jets : str
        Name of the class; "both" or "all" of the whole set.
    value, error : float
        The figure and its statistical error.
    target, target_error : float, optional
        The same of reference jets, None when it is not known; both zero for counts of jets that break a cut.
    verdict : str
        "ok" within 3 combined standard deviations (and half of the target's last digit), "off" otherwise, "no target"
        without one.
    """

    name: str
    jets: str
    value: float
    error: float
    target: float | None
    target_error: float | None
    verdict: str

    @property
    def sigmas(self) -> float | None:
        """Distance from the target in combined standard deviations; of counts, in jets; None without a target."""
        if self.target is None or self.target_error is None:
            return None
        if self.target_error == 0:
            return self.value
        return (self.value - self.target) / float(np.hypot(self.error, self.target_error))


def check_set(batch: JetBatch, seed: int = 1, cuts: Cuts | None = None) -> list[CheckRow]:
    """Figures of a set and of the reference set with the same classes, if there is one.

    Parameters
    ----------
    batch : JetBatch
        At least 20 jets of a class to be judged; classes with fewer are left out. All constituents must be there: a
        set cut to the leading ones differs in every row.
    seed : int
        Of the bootstrap that gives the errors.
    cuts : Cuts, optional
        Ranges of pT and eta that jets without a reference set must lie in.

    Raises
    ------
    DataError
        Values that cannot be jets, or no class with 20 jets.
    """
    check_jets(batch)
    rng = np.random.default_rng(seed)
    targets = targets_of(batch.classes)
    shown = shown_classes(batch.classes)
    classes = {label: batch[batch.label == label] for label in range(len(shown))}
    classes = {label: jets for label, jets in classes.items() if len(jets) >= _JETS_MIN}
    if not classes:
        raise DataError(
            f"a set must have at least {_JETS_MIN} labelled jets of a class, got {len(batch)} jets; give more"
        )
    rows = []
    for label, jets in classes.items():
        figures = _class_figures(jets, rng)
        known = targets.by_class[label] if targets else {}
        rows += [_judge(name, shown[label], *figure, known.get(name)) for name, figure in figures.items()]
    together = "both" if len(shown) == 2 else "all"
    if len(classes) == len(shown):
        parts = [_set_figures(jets) for jets in classes.values()]
        for name in parts[0]:
            value = sum(float(part[name].mean()) for part in parts) / len(parts)
            errors = [float(part[name].std() / np.sqrt(len(part[name]))) / len(parts) for part in parts]
            known = targets.together if targets else {}
            rows.append(_judge(name, together, value, float(np.linalg.norm(errors)), known.get(name)))
    everything = batch[np.isin(batch.label, list(classes))]
    rows += list(_ranges(everything, targets.cuts if targets else cuts, together))
    return rows


def _class_figures(jets: JetBatch, rng: np.random.Generator) -> dict[str, tuple[float, float]]:
    count, twins, mass = jets.n_constituents.astype(np.float64), n_duplicates(jets), jet_mass_gev(jets)
    figures: dict[str, Callable[[NDArray[np.int64]], float]] = {
        "constituents, mean": lambda i: count[i].mean(),
        "constituents, standard deviation": lambda i: count[i].std(),
        "mass, 10 % quantile (GeV)": lambda i: np.quantile(mass[i], 0.1),
        "mass, median (GeV)": lambda i: np.quantile(mass[i], 0.5),
        "mass, 90 % quantile (GeV)": lambda i: np.quantile(mass[i], 0.9),
        "constituents with a twin direction (%)": lambda i: 100 * twins[i].sum() / max(count[i].sum(), 1),
    }
    draws = [rng.integers(0, len(jets), len(jets)) for _ in range(_RESAMPLINGS)]
    return {
        name: (float(figure(np.arange(len(jets)))), float(np.std([figure(draw) for draw in draws])))
        for name, figure in figures.items()
    }


def _set_figures(jets: JetBatch) -> dict[str, NDArray[np.float64]]:
    return {
        "jets with more than 30 constituents (%)": np.where(jets.n_constituents > 30, 100.0, 0.0),
        "pT in the leading 30 (%)": 100 * pt_share(jets, 30),
        "pT in the leading 64 (%)": 100 * pt_share(jets, 64),
    }


def _judge(name: str, jets: str, value: float, error: float, known: tuple[float, float] | None) -> CheckRow:
    if known is None:
        return CheckRow(name, jets, value, error, None, None, "no target")
    target, target_error = known
    # targets are known to half a unit of their last printed digit
    rounding = 0.5 if target == round(target) and target > 100 else 0.05
    allowed = SIGMAS_MAX * float(np.hypot(error, target_error)) + rounding
    return CheckRow(name, jets, value, error, target, target_error, "ok" if abs(value - target) <= allowed else "off")


def _ranges(batch: JetBatch, cuts: Cuts | None, jets: str) -> Iterator[CheckRow]:
    """Cuts that every jet of the set must satisfy (the float32 sums may miss them by a rounding)."""
    pt_gev, total = jet_pt_gev(batch), jet_p4(batch)
    eta = np.arcsinh(total[:, 3] / np.maximum(pt_gev, 1e-9))
    constituent_pt = np.hypot(batch.p4[..., 1], batch.p4[..., 2])
    outside = {}
    if cuts is not None:
        outside = {
            f"jets outside pT {cuts.pt_min_gev:.0f}..{cuts.pt_max_gev:.0f} GeV": (pt_gev < cuts.pt_min_gev - 0.01)
            | (pt_gev > cuts.pt_max_gev + 0.01),
            f"jets outside |eta| < {cuts.abs_eta_max:g}": np.abs(eta) > cuts.abs_eta_max + 1e-4,
        }
    outside["jets with constituents not sorted by pT"] = np.any(np.diff(constituent_pt, axis=1) > 1e-3, axis=1)
    for name, wrong in outside.items():
        n_wrong = int(wrong.sum())
        yield CheckRow(name, jets, float(n_wrong), 0.0, 0.0, 0.0, "off" if n_wrong else "ok")


def render_rows(rows: list[CheckRow], title: str) -> Table:
    """The rows as a table for the terminal."""
    table = Table(title=printable(title))
    for heading in ("figure", "jets", "this set", "reference", "sigmas", "verdict"):
        table.add_column(heading, justify="left" if heading in ("figure", "jets", "verdict") else "right")
    for row in rows:
        counted = row.target_error == 0
        sigmas = "" if counted or row.sigmas is None else f"{row.sigmas:+.1f}"
        target = "" if row.target is None else f"{row.target} ± {row.target_error}"
        color = {"ok": "green", "off": "red"}.get(row.verdict, "dim")
        table.add_row(
            row.name,
            row.jets,
            f"{row.value:.0f}" if counted else f"{row.value:.2f} ± {row.error:.2f}",
            f"{row.target:.0f}" if counted else target,
            sigmas,
            Text(row.verdict, color),
        )
    return table


def rows_as_json(rows: list[CheckRow]) -> list[dict[str, Any]]:
    """The rows as plain values, with the distance from the target in standard deviations."""
    return [{**row.__dict__, "sigmas": row.sigmas} for row in rows]
