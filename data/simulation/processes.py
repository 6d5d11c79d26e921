"""What can be generated: sets of classes, the hard process of each, and what its jets are matched to."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

_HADRONIC_W = ("24:onMode = off", "24:onIfAny = 1 2 3 4 5")
_HADRONIC_Z = ("23:onMode = off", "23:onIfAny = 1 2 3 4 5")
_LIGHT = (1, 2, 3)
_GLUON = 21
# a Z that decays to neutrinos and leaves one jet alone
_Z_TO_NEUTRINOS = ("WeakZ0:gmZmode = 2", "23:onMode = off", "23:onIfAny = 12 14 16")
_GRAVITON = 5100039
_GRAVITON_2_TEV = (
    "ExtraDimensionsG*:gg2G* = on",
    "ExtraDimensionsG*:ffbar2G* = on",
    f"{_GRAVITON}:m0 = 2000",
    f"{_GRAVITON}:onMode = off",
)


@dataclass(frozen=True)
class Process:
    """The hard process of one class.

    Attributes
    ----------
    settings : tuple of str
        Lines that Pythia reads.
    source : str
        What a jet must be matched to: "parton" (an outgoing parton of the hard process), "boson" (a W or Z and both of
        its quarks), "top" (a top and its three quarks), or "any" (nothing: every jet counts).
    flavours : tuple of int
        Absolute PDG numbers of the partons or bosons that count; unused for "top" and "any".
    """

    settings: tuple[str, ...]
    source: Literal["any", "parton", "boson", "top"] = "any"
    flavours: tuple[int, ...] = ()


@dataclass(frozen=True)
class ProcessSet:
    """Classes by name, in the order of their labels, each with its process.

    ``has_pt_hat`` tells whether ``pt_hat_min_gev`` cuts into the hard processes: a resonance has no pTHat.
    """

    processes: dict[str, Process]
    has_pt_hat: bool = True

    @property
    def classes(self) -> tuple[str, ...]:
        """Names of the classes; the label of a jet is the index of its class."""
        return tuple(self.processes)


def _graviton_to(decay: str, *more: str) -> tuple[str, ...]:
    return (*_GRAVITON_2_TEV, f"{_GRAVITON}:onIfAny = {decay}", *more)


PROCESS_SETS = {
    "top-vs-qcd": ProcessSet(
        {
            "background": Process(("HardQCD:all = on",)),
            # hadronic decays only, so that each top is three quarks
            "signal": Process(("Top:gg2ttbar = on", "Top:qqbar2ttbar = on", *_HADRONIC_W), "top"),
        }
    ),
    "quark-gluon": ProcessSet(
        {
            "gluon": Process(("WeakBosonAndParton:qqbar2gmZg = on", *_Z_TO_NEUTRINOS), "parton", (_GLUON,)),
            "quark": Process(("WeakBosonAndParton:qg2gmZq = on", *_Z_TO_NEUTRINOS), "parton", _LIGHT),
        }
    ),
    "five-classes": ProcessSet(
        {
            "gluon": Process(_graviton_to("21"), "parton", (_GLUON,)),
            "quark": Process(_graviton_to("1 2 3"), "parton", _LIGHT),
            "W": Process(_graviton_to("24", *_HADRONIC_W), "boson", (24,)),
            "Z": Process(_graviton_to("23", *_HADRONIC_Z), "boson", (23,)),
            "top": Process(_graviton_to("6", *_HADRONIC_W), "top"),
        },
        has_pt_hat=False,
    ),
}
