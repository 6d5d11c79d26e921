"""Event records of Pythia as flat arrays, one entry per line, and the packages of the generator."""

from __future__ import annotations

import importlib
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tritag.errors import ToolError


def need(name: str) -> Any:
    """Import a package of the generator.

    Raises
    ------
    ToolError
        It is not installed.
    """
    try:
        return importlib.import_module(name)
    except ImportError as error:
        raise ToolError(f"making jets needs the package {name} ({error}); pip install 'tritag[generate]'") from error


class EventRecord:
    """The event records of a batch, those of an event one after the other.

    Attributes
    ----------
    n_events : int
    event, pdg_id, status : (L,) int64
        Index of the event, PDG number and Pythia's status code of each line.
    mother : (L,) int64
        Line of the first mother.
    """

    def __init__(self, record: Any) -> None:
        self._awkward = need("awkward")
        self._lines = record.prt
        counts = self._awkward.to_numpy(self._awkward.num(self._lines.id, axis=1))
        start = np.concatenate([[0], np.cumsum(counts)[:-1]]).astype(np.int64)
        self.n_events = len(counts)
        self.event = np.repeat(np.arange(self.n_events), counts)
        self.pdg_id = self._flat(self._lines.id).astype(np.int64)
        self.status = self._flat(self._lines.status).astype(np.int64)
        self._start = start[self.event]
        self.mother = self._flat(self._lines.mother1) + self._start

    def p4(self, where: NDArray[Any]) -> NDArray[np.float64]:
        """(E, px, py, pz) in GeV of the lines ``where``."""
        return np.stack([self._flat(self._lines.p[name])[where] for name in ("e", "px", "py", "pz")], axis=-1)

    def vertex_mm(self, where: NDArray[Any]) -> NDArray[np.float64]:
        """Production point (x, y, z) in mm; Pythia leaves it out for what is made at the collision point."""
        names = ("px", "py", "pz")
        columns = [self._flat(self._awkward.fill_none(self._lines.vProd[name], 0.0)) for name in names]
        return np.stack([column[where] for column in columns], axis=-1)

    def last_copy(self, lines: NDArray[np.int64]) -> NDArray[np.int64]:
        """The last line of each particle before it branches: recoils of others write it again and again."""
        first, last = self._flat(self._lines.daughter1), self._flat(self._lines.daughter2)
        lines = lines.copy()
        while True:
            follower = first[lines] + self._start[lines]
            copied = (first[lines] > 0) & (first[lines] == last[lines])
            copied &= self.pdg_id[np.where(copied, follower, lines)] == self.pdg_id[lines]
            if not copied.any():
                return lines
            lines[copied] = follower[copied]

    def _flat(self, column: Any) -> NDArray[Any]:
        return np.asarray(self._awkward.to_numpy(self._awkward.flatten(column)))
