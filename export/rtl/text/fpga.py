"""FPGAs: what a part holds (``configs/parts/``), and the resources of modules in those terms."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from functools import cache

from tritag.configs import build, config_names, load_config
from tritag.errors import ConfigError

# Inputs of a LUT, in every family of the table.
LUT_INPUTS = 6
# Fabric and speed grade that the delay model, the DSP tiles and Yosys' cells are made for.
MODELLED_FABRIC, MODELLED_GRADE = "ultrascale-plus", "2"
# Its super logic region is what a design may take where the target's part is not in the table.
ASSUMED_DEVICE = "xcvu13p"
# Series-7 names run into the package without a dash: xc7z020clg400-1.
_PACKAGE = re.compile(r"(-|i?[a-z]{2,3}\d|$)")
_GRADE = re.compile(r"-([123])")


@dataclass(frozen=True)
class Device:
    """Resources of an FPGA as its data sheet lists them.

    Attributes
    ----------
    lut, ff, dsp, bram18, uram : int
        LUTs, registers, DSP slices, block memories of 18 kbit, UltraRAMs.
    slrs : int
        Super logic regions (dies side by side); 1 where there is one die.
    """

    lut: int
    ff: int
    dsp: int
    bram18: int
    uram: int
    slrs: int

    def __post_init__(self) -> None:
        for name in ("lut", "ff", "dsp", "bram18", "slrs"):
            if getattr(self, name) < 1:
                raise ConfigError(f"a device's {name} must be >= 1, got {getattr(self, name)}")
        if self.uram < 0:
            raise ConfigError(f"a device's uram must be >= 0, got {self.uram}")


@dataclass(frozen=True)
class Family:
    """A file of ``configs/parts``: devices of one data sheet."""

    family: str
    fabric: str
    source: str
    devices: dict[str, dict[str, int]]


@dataclass(frozen=True)
class Part:
    """A device with its name, its family and where its figures stand.

    Attributes
    ----------
    name : str
        The device without package and speed grade: ``xcvu13p``.
    fabric : str
        ``ultrascale-plus``, ``ultrascale`` or ``7-series``: what LUTs, carries and DSPs look like.
    """

    name: str
    family: str
    fabric: str
    source: str
    holds: Device

    def budget(self, slr: bool = False) -> dict[str, float]:
        """Resources of the part, or of one SLR: an equal share, though those of HBM parts differ by some percent.

        Two CARRY4 count as one CARRY8, of which there is one for eight LUTs in every family of the table.
        """
        d = self.holds
        whole = {"lut": d.lut, "ff": d.ff, "carry8": d.lut // 8, "dsp": d.dsp, "bram18": d.bram18}
        return {name: total / (d.slrs if slr else 1) for name, total in whole.items()}

    def shares(self, counts: Mapping[str, float], slr: bool = False) -> dict[str, float]:
        """Share of the part, or of one SLR, that ``counts`` of its resources take; other keys are left out."""
        return {name: counts[name] / total for name, total in self.budget(slr).items() if name in counts}


@cache
def known_parts() -> dict[str, Part]:
    """All devices of ``configs/parts`` by name."""
    parts = {}
    for file in config_names("parts"):
        family = build(Family, load_config("parts", file), where=f"parts {file}")
        for name, values in family.devices.items():
            device = build(Device, values, where=f"parts {file}.{name}")
            parts[name] = Part(name, family.family, family.fabric, family.source, device)
    return parts


def find_part(part: str) -> Part | None:
    """The device of a part with package and speed grade (``xcvu13p-flga2577-2-e``); None where it is not known."""
    text = part.lower()
    names = [n for n in known_parts() if text.startswith(n) and _PACKAGE.match(text[len(n) :])]
    return known_parts()[max(names, key=len)] if names else None


def assumptions(part: str) -> list[str]:
    """Sentences about what the schedule and the figures assume of a part; none where the models are made for it."""
    known, grade = find_part(part), _GRADE.search(part)
    if known is None:
        device = known_parts()[ASSUMED_DEVICE]
        slr = device.budget(slr=True)
        return [
            f"{part} is not in the table of parts (configs/parts), so there are no shares of it; delays, DSPs and "
            f"Yosys' cells are assumed to be those of UltraScale+, speed grade -{MODELLED_GRADE}",
            f"for {part}, without --beats, a design may take what one SLR of an {device.name} holds: "
            f"{slr['lut']:,.0f} LUTs, {slr['dsp']:,.0f} DSPs, {slr['bram18']:,.0f} BRAM_18K",
        ]
    if known.fabric != MODELLED_FABRIC:
        return [
            f"delays, DSPs and Yosys' cells are those of UltraScale+, speed grade -{MODELLED_GRADE}: for {part} "
            f"({known.family}) they are an assumption"
        ]
    if grade is not None and grade[1] != MODELLED_GRADE:
        return [f"delays are those of speed grade -{MODELLED_GRADE}: for {part} they are an assumption"]
    return []


@dataclass(frozen=True)
class Figures:
    """Resources of a module after synthesis.

    Attributes
    ----------
    lut : int
        LUT cells, shift registers in LUTs (SRL) included. Two small ones that could share a LUT count as two.
    ff : int
        Registers. Yosys leaves those in the fabric that Vivado puts into DSPs of this family.
    carry8 : int
        Yosys maps carries to CARRY4, two of which make a CARRY8.
    levels : int
        Longest chain of LUTs and carries between registers.
    """

    lut: int = 0
    ff: int = 0
    carry8: int = 0
    dsp: int = 0
    bram18: int = 0
    levels: int = 0

    def plus(self, other: Figures, times: int = 1) -> Figures:
        """Sum of resources, and the larger depth."""
        sums = {k: v + times * getattr(other, k) for k, v in asdict(self).items() if k != "levels"}
        return Figures(**sums, levels=max(self.levels, other.levels))
