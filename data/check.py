"""Compare a set of jets with figures of real ones: do generated jets look like the public top-tagging set?

The targets are those of 2000 jets of the public set (Kasieczka, Plehn, Thompson, Russel; Zenodo record 2603256), half
of them tops; their errors are the statistical ones of 1000 jets a class.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from rich.table import Table

from tritag.data.features import jet_mass_gev, jet_p4, jet_pt_gev, n_duplicates, pt_share
from tritag.data.jets import JetBatch, check_jets
from tritag.errors import DataError

CLASS_NAMES = {0: "QCD", 1: "top", -1: "unknown"}
JET_PT_GEV = (550.0, 650.0)
JET_ABS_ETA_MAX = 2.0
# name -> (QCD target, its error), (top target, its error); percentages and GeV
TARGETS: dict[str, tuple[tuple[float, float], tuple[float, float]]] = {
    "constituents, mean": ((43.3, 0.58), (54.5, 0.44)),
    "constituents, standard deviation": ((18.4, 0.42), (13.3, 0.35)),
    "mass, 10 % quantile (GeV)": ((45.0, 1.4), (151.0, 0.9)),
    "mass, median (GeV)": ((83.0, 1.7), (174.0, 0.6)),
    "mass, 90 % quantile (GeV)": ((166.0, 3.8), (206.0, 3.4)),
    "constituents with a twin direction (%)": ((7.5, 0.18), (9.2, 0.16)),
}
# both classes in equal parts
TARGETS_BOTH: dict[str, tuple[float, float]] = {
    "jets with more than 30 constituents (%)": (85.0, 0.8),
    "pT in the leading 30 (%)": (95.4, 0.11),
    "pT in the leading 64 (%)": (99.8, 0.02),
}
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
        "QCD", "top" or "both".
    value, error : float
        The figure and its statistical error.
    target, target_error : float
        The same of real jets; both zero for counts of jets that break a cut.
    verdict : str
        "ok" within 3 combined standard deviations (and half of the target's last digit), "off" otherwise.
    """

    name: str
    jets: str
    value: float
    error: float
    target: float
    target_error: float
    verdict: str

    @property
    def sigmas(self) -> float:
        """Distance from the target in combined standard deviations; of counts, in jets."""
        if self.target_error == 0:
            return self.value
        return (self.value - self.target) / float(np.hypot(self.error, self.target_error))


def check_set(batch: JetBatch, seed: int = 1) -> list[CheckRow]:
    """Figures of a set and of real jets.

    Parameters
    ----------
    batch : JetBatch
        At least 20 jets of a class to be judged; classes with fewer are left out. All constituents must be there: a
        set cut to the leading ones differs in every row.
    seed : int
        Of the bootstrap that gives the errors.

    Raises
    ------
    DataError
        Values that cannot be jets, or no class with 20 jets.
    """
    check_jets(batch)
    rng = np.random.default_rng(seed)
    classes = {label: batch[batch.label == label] for label in (0, 1)}
    classes = {label: jets for label, jets in classes.items() if len(jets) >= _JETS_MIN}
    if not classes:
        raise DataError(
            f"a set must have at least {_JETS_MIN} labelled jets of a class, got {len(batch)} jets; give more"
        )
    rows = []
    for label, jets in classes.items():
        figures = _class_figures(jets, rng)
        rows += [_judge(name, CLASS_NAMES[label], *figures[name], *TARGETS[name][label]) for name in TARGETS]
    if len(classes) == 2:
        parts = [_both_figures(jets) for jets in classes.values()]
        for name, (target, target_error) in TARGETS_BOTH.items():
            values = [float(part[name].mean()) for part in parts]
            errors = [float(part[name].std() / np.sqrt(len(part[name]))) for part in parts]
            rows.append(
                _judge(name, "both", sum(values) / 2, float(np.hypot(errors[0], errors[1])) / 2, target, target_error)
            )
    everything = batch[np.isin(batch.label, list(classes))]
    rows += list(_ranges(everything))
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


def _both_figures(jets: JetBatch) -> dict[str, NDArray[np.float64]]:
    return {
        "jets with more than 30 constituents (%)": np.where(jets.n_constituents > 30, 100.0, 0.0),
        "pT in the leading 30 (%)": 100 * pt_share(jets, 30),
        "pT in the leading 64 (%)": 100 * pt_share(jets, 64),
    }


def _judge(name: str, jets: str, value: float, error: float, target: float, target_error: float) -> CheckRow:
    # targets are known to half a unit of their last printed digit
    rounding = 0.5 if target == round(target) and target > 100 else 0.05
    allowed = SIGMAS_MAX * float(np.hypot(error, target_error)) + rounding
    return CheckRow(name, jets, value, error, target, target_error, "ok" if abs(value - target) <= allowed else "off")


def _ranges(batch: JetBatch) -> Iterator[CheckRow]:
    """Cuts that every jet of the set must satisfy (the float32 sums may miss them by a rounding)."""
    pt_gev, total = jet_pt_gev(batch), jet_p4(batch)
    eta = np.arcsinh(total[:, 3] / np.maximum(pt_gev, 1e-9))
    constituent_pt = np.hypot(batch.p4[..., 1], batch.p4[..., 2])
    outside = {
        f"jets outside pT {JET_PT_GEV[0]:.0f}..{JET_PT_GEV[1]:.0f} GeV": (pt_gev < JET_PT_GEV[0] - 0.01)
        | (pt_gev > JET_PT_GEV[1] + 0.01),
        f"jets outside |eta| < {JET_ABS_ETA_MAX:.0f}": np.abs(eta) > JET_ABS_ETA_MAX + 1e-4,
        "jets with constituents not sorted by pT": np.any(np.diff(constituent_pt, axis=1) > 1e-3, axis=1),
    }
    for name, wrong in outside.items():
        n_wrong = int(wrong.sum())
        yield CheckRow(name, "both", float(n_wrong), 0.0, 0.0, 0.0, "off" if n_wrong else "ok")


def render_rows(rows: list[CheckRow], title: str) -> Table:
    """The rows as a table for the terminal."""
    table = Table(title=title)
    for heading in ("figure", "jets", "this set", "real jets", "sigmas", "verdict"):
        table.add_column(heading, justify="left" if heading in ("figure", "jets", "verdict") else "right")
    for row in rows:
        counted = row.target_error == 0
        sigmas = "" if counted else f"{row.sigmas:+.1f}"
        table.add_row(
            row.name,
            row.jets,
            f"{row.value:.0f}" if counted else f"{row.value:.2f} ± {row.error:.2f}",
            f"{row.target:.0f}" if counted else f"{row.target} ± {row.target_error}",
            sigmas,
            f"[green]{row.verdict}[/]" if row.verdict == "ok" else f"[red]{row.verdict}[/]",
        )
    return table


def rows_as_json(rows: list[CheckRow]) -> list[dict[str, Any]]:
    """The rows as plain values, with the distance from the target in standard deviations."""
    return [{**row.__dict__, "sigmas": row.sigmas} for row in rows]
