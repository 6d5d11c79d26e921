"""Figures of real, or of public reference jets, which a generated set should reproduce.

The public top-tagging set: 2000 jets (Kasieczka, Plehn, Thompson, Russel; Zenodo record 2603256), half of them tops;
the errors are the statistical ones of 1000 jets a class. The public quark and gluon set of EnergyFlow (Komiske,
Metodiev, Thaler; Zenodo record 3164691; jets without charm and bottom): numbers of constituents alone; how many jets
stand behind them was not noted, the errors are estimates.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from tritag.data.jets.jets import TWO_CLASSES

Figure = tuple[float, float]


@dataclass(frozen=True)
class Cuts:
    """Ranges that every jet of a set must lie in: pT in GeV and abs(eta)."""

    pt_min_gev: float
    pt_max_gev: float
    abs_eta_max: float


@dataclass(frozen=True)
class Targets:
    """Figures of a reference set.

    Attributes
    ----------
    source : str
        Name of the reference set.
    by_class : tuple of mappings
        For each class: figure to (value, error); percentages and GeV.
    together : mapping
        The same of all classes in equal parts.
    cuts : Cuts
    """

    source: str
    by_class: tuple[Mapping[str, Figure], ...]
    together: Mapping[str, Figure]
    cuts: Cuts


_TOP_TAGGING = Targets(
    source="the public top-tagging set",
    by_class=(
        {
            "constituents, mean": (43.3, 0.58),
            "constituents, standard deviation": (18.4, 0.42),
            "mass, 10 % quantile (GeV)": (45.0, 1.4),
            "mass, median (GeV)": (83.0, 1.7),
            "mass, 90 % quantile (GeV)": (166.0, 3.8),
            "constituents with a twin direction (%)": (7.5, 0.18),
        },
        {
            "constituents, mean": (54.5, 0.44),
            "constituents, standard deviation": (13.3, 0.35),
            "mass, 10 % quantile (GeV)": (151.0, 0.9),
            "mass, median (GeV)": (174.0, 0.6),
            "mass, 90 % quantile (GeV)": (206.0, 3.4),
            "constituents with a twin direction (%)": (9.2, 0.16),
        },
    ),
    together={
        "jets with more than 30 constituents (%)": (85.0, 0.8),
        "pT in the leading 30 (%)": (95.4, 0.11),
        "pT in the leading 64 (%)": (99.8, 0.02),
    },
    cuts=Cuts(550.0, 650.0, 2.0),
)
_QUARK_GLUON = Targets(
    source="the public EnergyFlow set",
    by_class=({"constituents, mean": (53.4, 0.3)}, {"constituents, mean": (33.8, 0.3)}),
    together={},
    cuts=Cuts(500.0, 550.0, 2.0),
)
_BY_CLASSES: dict[tuple[str, ...], Targets] = {TWO_CLASSES: _TOP_TAGGING, ("gluon", "quark"): _QUARK_GLUON}


def targets_of(classes: tuple[str, ...]) -> Targets | None:
    """The reference figures of a set with these classes; None when there are none."""
    return _BY_CLASSES.get(classes)


def cuts_of(settings: Mapping[str, Any]) -> Cuts | None:
    """The cuts that a set was generated with; None when its settings do not tell."""
    names = ("jet_pt_min_gev", "jet_pt_max_gev", "jet_abs_eta_max")
    if any(name not in settings for name in names):
        return None
    return Cuts(*(float(settings[name]) for name in names))


def shown_classes(classes: tuple[str, ...]) -> tuple[str, ...]:
    """Class names as tables show them: the two classes of top tagging are called by what they are."""
    return ("QCD", "top") if classes == TWO_CLASSES else classes
