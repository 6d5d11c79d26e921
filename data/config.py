"""Settings of the jet generator."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from tritag.configs import build, load_config
from tritag.errors import ConfigError

SPLITS = ("train", "val", "test")
CLASSES = ("background", "signal")


@dataclass(frozen=True)
class ClassCounts:
    """Jets of each class in one split; the classes need not be balanced."""

    signal: int
    background: int

    def of(self, label: int) -> int:
        """Number of jets with this label (1 = signal, 0 = background)."""
        return self.signal if label == 1 else self.background


@dataclass(frozen=True)
class DataConfig:
    """What is generated: the same settings on the same packages give the same jets.

    ``events_per_batch`` and ``jets_per_shard`` belong to the settings because the random streams restart with each
    shard: other sizes give other, equally good jets. The number of processes does not.
    """

    train: ClassCounts
    val: ClassCounts
    test: ClassCounts
    seed: int = 1
    process_set: Literal["top-vs-qcd"] = "top-vs-qcd"
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
    events_per_batch: int = 200
    jets_per_shard: int = 500

    def __post_init__(self) -> None:
        positive = ("energy_cm_tev", "top_mass_gev", "jet_radius", "jet_abs_eta_max", "match_radius", "jet_pt_min_gev")
        for name in (*positive, "n_constituents_max", "events_per_batch", "jets_per_shard"):
            if getattr(self, name) <= 0:
                raise ConfigError(f"{name} must be > 0, got {getattr(self, name)}; correct it in the configuration")
        if self.seed < 0:
            raise ConfigError(f"seed must be >= 0, got {self.seed}; choose another")
        if self.jet_pt_max_gev <= self.jet_pt_min_gev:
            raise ConfigError(
                f"jet_pt_max_gev must be > {self.jet_pt_min_gev} (jet_pt_min_gev), got {self.jet_pt_max_gev}; raise it"
            )
        if self.pt_hat_min_gev < 0 or self.pt_hat_min_gev > self.jet_pt_min_gev:
            # 550 GeV and more visibly cuts into the spectrum of the selected jets
            raise ConfigError(
                f"pt_hat_min_gev must be 0..{self.jet_pt_min_gev} (jet_pt_min_gev), got {self.pt_hat_min_gev}; lower it"
            )
        for split in SPLITS:
            counts = getattr(self, split)
            if counts.signal < 0 or counts.background < 0:
                raise ConfigError(f"{split} must ask for >= 0 jets of each class, got {counts}; correct it")
        if self.n_jets == 0:
            raise ConfigError("at least one split must ask for jets, got none; set train, val or test")

    def n_class(self, label: int) -> int:
        """Jets with this label in all splits."""
        return sum(getattr(self, split).of(label) for split in SPLITS)

    @property
    def n_jets(self) -> int:
        """Jets in all."""
        return self.n_class(0) + self.n_class(1)


def load_data_config(name: str | Path) -> DataConfig:
    """Read ``configs/data/<name>.yaml``, or a YAML file by its path.

    Raises
    ------
    ConfigError
        Unknown name or key, or a value outside its range.
    """
    return build(DataConfig, load_config("data", name), f"data configuration {Path(name).name}")
