"""What the firmware is made for: part, clock, initiation interval (``configs/targets/``)."""

from __future__ import annotations

import math
import re
from dataclasses import dataclass
from pathlib import Path

from tritag.configs import build, check_range, load_config
from tritag.errors import ConfigError, short
from tritag.export.rtl.text.fpga import Part, find_part

DEFAULT_TARGET = "vu13p-360mhz"
# The name goes into the vendor's Tcl scripts: nothing in it may have a meaning there.
_PART = re.compile(r"[A-Za-z0-9][A-Za-z0-9-]*")


@dataclass(frozen=True)
class TargetConfig:
    """FPGA part, clock period in ns, and the budget of clocks between two jets (II).

    Attributes
    ----------
    part : str
        The vendor's full name with package and speed grade: ``xcvu13p-flga2577-2-e``.
    clock_uncertainty_percent : float
        Share of the period that no logic may use.

    Raises
    ------
    ConfigError
        A number is not finite or out of range, or the part's name has other signs than letters, digits and dashes.
    """

    part: str
    clock_period_ns: float
    interval_cycles: int
    clock_uncertainty_percent: float = 12.5

    def __post_init__(self) -> None:
        if not _PART.fullmatch(self.part):
            raise ConfigError(
                f"part must be a part's full name of letters, digits and dashes, such as xcvu13p-flga2577-2-e, "
                f"got {short(self.part)}"
            )
        if not math.isfinite(self.clock_period_ns):
            raise ConfigError(f"clock_period_ns must be finite, got {self.clock_period_ns}")
        if self.clock_period_ns <= 0:
            raise ConfigError(f"clock_period_ns must be > 0, got {self.clock_period_ns}")
        if not 0 <= self.clock_uncertainty_percent < 100:
            raise ConfigError(f"clock_uncertainty_percent must lie in [0, 100), got {self.clock_uncertainty_percent}")
        if self.interval_cycles < 1:
            raise ConfigError(f"interval_cycles must be >= 1, got {self.interval_cycles}")
        check_range(self, ("clock_period_ns",), 0, 1000)
        check_range(self, ("interval_cycles",), 1, 100_000)

    @property
    def fpga(self) -> Part | None:
        """The part's entry in the table of parts; None where it is not known there."""
        return find_part(self.part)


def load_target(name: str | Path = DEFAULT_TARGET) -> TargetConfig:
    """Read a target by name or from a YAML file."""
    return build(TargetConfig, load_config("targets", name), where=f"target {name}")
