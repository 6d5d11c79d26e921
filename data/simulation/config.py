"""Settings of the jet generator."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Literal

from tritag.configs import build, check_range, load_config
from tritag.data.simulation.processes import PROCESS_SETS
from tritag.errors import ConfigError, short, unknown_name

SPLITS = ("train", "val", "test")
# settings that came later stand in a file only when they differ from what older sets had: those keep their digest
_LATER: dict[str, Any] = {"detector": "atlas", "jets_per_event": 1, "fields": False}

_MOST_JETS = 1_000_000_000
_REALS = (
    *("energy_cm_tev", "top_mass_gev", "pt_hat_min_gev", "jet_radius", "jet_pt_min_gev", "jet_pt_max_gev"),
    *("jet_abs_eta_max", "match_radius"),
)


@dataclass(frozen=True)
class DataConfig:
    """What is generated: the same settings on the same packages give the same jets.

    ``train``, ``val`` and ``test`` give the number of jets of each class of the process set (`PROCESS_SETS`); the
    classes need not be balanced. ``detector`` "none" gives the particles themselves, without neutrinos. The
    ``jets_per_event`` leading jets of each event are tried. ``fields``: constituents have columns beside their momenta,
    kind, displacement and PUPPI weight (candidate_columns.py); momenta are the same with and without.

    ``events_per_batch`` and ``jets_per_shard`` belong to the settings because the random streams restart with each
    shard: other sizes give other, equally good jets. The number of processes does not.
    """

    train: dict[str, int]
    val: dict[str, int]
    test: dict[str, int]
    seed: int = 1
    process_set: Literal["top-vs-qcd", "quark-gluon", "five-classes"] = "top-vs-qcd"
    energy_cm_tev: float = 14.0
    top_mass_gev: float = 171.0
    pt_hat_min_gev: float = 450.0
    multiparton_interactions: bool = True
    jet_radius: float = 0.8
    jet_pt_min_gev: float = 550.0
    jet_pt_max_gev: float = 650.0
    jet_abs_eta_max: float = 2.0
    match_radius: float = 0.8
    n_constituents_max: int = 200
    detector: Literal["atlas", "none"] = "atlas"
    jets_per_event: int = 1
    fields: bool = False
    events_per_batch: int = 200
    jets_per_shard: int = 500

    def __post_init__(self) -> None:
        positive = ("energy_cm_tev", "top_mass_gev", "jet_radius", "jet_abs_eta_max", "match_radius", "jet_pt_min_gev")
        for name in (*positive, "n_constituents_max", "jets_per_event", "events_per_batch", "jets_per_shard"):
            if getattr(self, name) <= 0:
                raise ConfigError(f"{name} must be > 0, got {getattr(self, name)}; correct it in the configuration")
        if self.seed < 0:
            raise ConfigError(f"seed must be >= 0, got {self.seed}; choose another")
        self._check_ranges()
        if self.jet_pt_max_gev <= self.jet_pt_min_gev:
            raise ConfigError(
                f"jet_pt_max_gev must be > {self.jet_pt_min_gev} (jet_pt_min_gev), got {self.jet_pt_max_gev}; raise it"
            )
        if self.pt_hat_min_gev < 0 or self.pt_hat_min_gev > self.jet_pt_min_gev:
            # 550 GeV and more visibly cuts into the spectrum of the selected jets
            raise ConfigError(
                f"pt_hat_min_gev must be 0..{self.jet_pt_min_gev} (jet_pt_min_gev), got {self.pt_hat_min_gev}; lower it"
            )
        if self.pt_hat_min_gev and not PROCESS_SETS[self.process_set].has_pt_hat:
            raise ConfigError(
                f"pt_hat_min_gev must be 0 for {self.process_set}, whose jets come from a resonance, "
                f"got {self.pt_hat_min_gev}; set it to 0"
            )
        for split in SPLITS:
            self._check_counts(split)
        if self.n_jets == 0:
            raise ConfigError("at least one split must ask for jets, got none; set train, val or test")

    def _check_ranges(self) -> None:
        check_range(self, _REALS, 0, 1e6)
        check_range(self, ("n_constituents_max", "jets_per_event", "events_per_batch", "jets_per_shard"), 1, 1e6)
        check_range(self, ("seed",), 0, 2**31 - 1)
        if self.top_mass_gev != DataConfig.top_mass_gev and "top" not in self.sources:
            raise ConfigError(
                f"top_mass_gev has no effect on {self.process_set}, whose processes have no top, "
                f"got {self.top_mass_gev}; leave it out"
            )

    def _check_counts(self, split: str) -> None:
        counts = getattr(self, split)
        if not isinstance(counts, dict):
            raise ConfigError(f"{split} must map the classes {', '.join(self.classes)} to numbers, got {short(counts)}")
        for name in counts:
            if name not in self.classes:
                raise ConfigError(unknown_name(f"class in {split}", str(name), self.classes))
        if missing := [name for name in self.classes if name not in counts]:
            raise ConfigError(f"{split} must name each class of {self.process_set}, but lacks {', '.join(missing)}")
        if any(not isinstance(n, int) or isinstance(n, bool) or not 0 <= n <= _MOST_JETS for n in counts.values()):
            raise ConfigError(
                f"{split} must ask for 0 to {_MOST_JETS} jets of each class, got {short(counts)}; lower it"
            )

    @property
    def sources(self) -> set[str]:
        """What the jets of the classes are matched to."""
        return {process.source for process in PROCESS_SETS[self.process_set].processes.values()}

    @property
    def classes(self) -> tuple[str, ...]:
        """Names of the classes; the label of a jet is the index of its class."""
        return PROCESS_SETS[self.process_set].classes

    def n_of(self, split: str, label: int) -> int:
        """Jets with this label in a split."""
        return int(getattr(self, split)[self.classes[label]])

    def n_class(self, label: int) -> int:
        """Jets with this label in all splits."""
        return sum(self.n_of(split, label) for split in SPLITS)

    @property
    def n_jets(self) -> int:
        """Number of jets of all classes and splits together."""
        return sum(self.n_class(label) for label in range(len(self.classes)))

    def settings(self) -> dict[str, Any]:
        """The settings as a jet file stores them, and as they give it its name."""
        return {name: value for name, value in asdict(self).items() if _LATER.get(name) != value}


def load_data_config(name: str | Path) -> DataConfig:
    """Read ``configs/data/<name>.yaml``, or a YAML file by its path.

    Raises
    ------
    ConfigError
        Unknown name or key, or a value outside its range.
    """
    return build(DataConfig, load_config("data", name), f"data configuration {Path(name).name}")
