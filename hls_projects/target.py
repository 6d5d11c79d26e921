"""What the firmware is made for: part, clock, initiation interval (``configs/targets/``)."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from tritag.configs import build, load_config
from tritag.errors import ConfigError

DEFAULT_TARGET = "vu13p-360mhz"


@dataclass(frozen=True)
class TargetConfig:
    """FPGA part, clock period in ns, and the budget of clocks between two jets (II)."""

    part: str
    clock_period_ns: float
    interval_cycles: int
    clock_uncertainty_percent: float = 12.5

    def __post_init__(self) -> None:
        if self.clock_period_ns <= 0:
            raise ConfigError(f"clock_period_ns must be > 0, got {self.clock_period_ns}")
        if self.interval_cycles < 1:
            raise ConfigError(f"interval_cycles must be >= 1, got {self.interval_cycles}")


def load_target(name: str | Path = DEFAULT_TARGET) -> TargetConfig:
    """Read a target by name or from a YAML file."""
    return build(TargetConfig, load_config("targets", name), where=f"target {name}")
