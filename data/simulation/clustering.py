"""Jets: anti-kT clustering of energy-flow candidates, the leading jet of each event, and what it came from."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from tritag.data.jets.ragged import RaggedJets
from tritag.data.simulation.config import DataConfig
from tritag.data.simulation.detector import Candidates
from tritag.data.simulation.record import need
from tritag.data.simulation.truth import Sources


def find_jets(
    candidates: Candidates, sources: Sources | None, n_events: int, config: DataConfig, label: int
) -> RaggedJets:
    """Select at most ``jets_per_event`` jets of each event.

    A leading jet of an event is kept when its pT and eta are inside the cuts and when it lies within ``match_radius``
    of a source and of all its decay products; without ``sources`` it may be any. Constituents are sorted by pT,
    highest first, and cut after ``n_constituents_max``.

    Parameters
    ----------
    candidates : Candidates
        Energy-flow candidates of ``n_events`` events.
    sources : Sources, optional
        What the jets of this class come from, in the same events.
    label : int
        Class of the jets.

    Raises
    ------
    ToolError
        fastjet or awkward is missing.
    """
    awkward = need("awkward")
    counts = np.bincount(candidates.event, minlength=n_events)
    px, py, pz = candidates.momentum.T
    energy = np.sqrt(np.sum(candidates.momentum**2, axis=1))
    flat = awkward.zip({"px": px, "py": py, "pz": pz, "E": energy}, with_name="Momentum4D")
    jets, members = _cluster(awkward.unflatten(flat, counts), config)
    ranked = awkward.argsort(jets.px**2 + jets.py**2, axis=1, ascending=False)[:, : config.jets_per_event]
    n_tried = awkward.to_numpy(awkward.num(ranked, axis=1))
    event = np.repeat(np.arange(n_events), n_tried)
    leading = awkward.to_numpy(awkward.flatten(ranked))
    rank = np.arange(len(event)) - np.repeat(np.cumsum(n_tried) - n_tried, n_tried)
    jet = np.stack([awkward.to_numpy(jets[name][event, leading]) for name in ("E", "px", "py", "pz")], axis=-1)
    inside = members[event, leading]
    pt_gev, eta = np.hypot(jet[:, 1], jet[:, 2]), np.arcsinh(jet[:, 3] / np.hypot(jet[:, 1], jet[:, 2]))
    good = (pt_gev > config.jet_pt_min_gev) & (pt_gev < config.jet_pt_max_gev) & (np.abs(eta) < config.jet_abs_eta_max)
    truth = np.zeros_like(jet)
    if sources is not None:
        matched, truth = _match(event, rank, jet, sources, config.match_radius)
        good &= matched
    first = np.concatenate([[0], np.cumsum(counts)[:-1]])
    offsets, order = _sorted_members(inside[good], first[event[good]], np.hypot(px, py), config.n_constituents_max)
    momenta = candidates.momentum[order].astype(np.float32)
    return RaggedJets(
        px=momenta[:, 0],
        py=momenta[:, 1],
        pz=momenta[:, 2],
        offsets=offsets,
        label=np.full(int(good.sum()), label, np.int8),
        jet=jet[good].astype(np.float32),
        truth=truth[good].astype(np.float32),
        classes=config.classes,
        pdg_id=None if candidates.pdg_id is None else candidates.pdg_id[order].astype(np.int32),
        columns={name: values[order].astype(np.float32) for name, values in candidates.columns.items()},
    )


def _cluster(events: Any, config: DataConfig) -> tuple[Any, Any]:
    """Jets above the lowest pT of all events (not sorted), and the indices of their constituents."""
    fastjet = _quiet_fastjet()
    sequence = fastjet.ClusterSequence(events, fastjet.JetDefinition(fastjet.antikt_algorithm, config.jet_radius))
    threshold = config.jet_pt_min_gev
    return sequence.inclusive_jets(min_pt=threshold), sequence.constituent_index(min_pt=threshold)


def _quiet_fastjet() -> Any:
    """FastJet without its banner on standard output, which progress bars and JSON output share.

    Its authors ask for a citation instead: M. Cacciari, G. P. Salam, G. Soyez, Eur. Phys. J. C 72 (2012) 1896.
    """
    fastjet = need("fastjet")
    fastjet._swig.ClusterSequence.set_fastjet_banner_stream(None)
    return fastjet


def _match(
    event: NDArray[np.int64], rank: NDArray[np.int64], jet: NDArray[np.float64], sources: Sources, radius: float
) -> tuple[NDArray[np.bool_], NDArray[np.float64]]:
    """Whether each jet holds a source with all its products, and that source's four-momentum (zero without one)."""
    matched, truth = np.zeros(len(jet), bool), np.zeros((len(jet), 4))
    if not len(jet):
        return matched, truth
    partons = np.concatenate([sources.p4[:, None], sources.products], axis=1)
    for number in range(int(rank.max()) + 1):
        chosen = np.flatnonzero(rank == number)
        position = np.full(int(max(event.max(initial=-1), sources.event.max(initial=-1))) + 1, -1)
        position[event[chosen]] = chosen
        owner = position[sources.event]
        close = np.all(delta_r(jet[owner][:, None], partons) < radius, axis=1) & (owner >= 0)
        matched[owner[close]] = True
        truth[owner[close]] = sources.p4[close]
    return matched, truth


def delta_r(one: NDArray[np.float64], other: NDArray[np.float64]) -> NDArray[np.float64]:
    """Distance in (eta, phi) of four-momenta (..., 4), broadcast."""
    eta = [np.arcsinh(p[..., 3] / np.hypot(p[..., 1], p[..., 2])) for p in (one, other)]
    phi = [np.arctan2(p[..., 2], p[..., 1]) for p in (one, other)]
    turn = np.mod(phi[0] - phi[1] + np.pi, 2 * np.pi) - np.pi
    return np.hypot(eta[0] - eta[1], turn)


def _sorted_members(
    members: Any, first: NDArray[np.int64], pt_gev: NDArray[np.float64], n_max: int
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Offsets and candidate numbers of the constituents of each jet, highest pT first, at most ``n_max`` a jet."""
    awkward = need("awkward")
    counts = awkward.to_numpy(awkward.num(members, axis=1)).astype(np.int64)
    jet = np.repeat(np.arange(len(counts)), counts)
    index = awkward.to_numpy(awkward.flatten(members)).astype(np.int64) + first[jet]
    # ties in pT keep the order of the candidates
    order = np.lexsort((index, -pt_gev[index], jet))
    rank = np.arange(len(jet)) - np.repeat(np.cumsum(counts) - counts, counts)
    kept = np.minimum(counts, n_max)
    return np.concatenate([[0], np.cumsum(kept)]).astype(np.int64), index[order][rank < n_max]
