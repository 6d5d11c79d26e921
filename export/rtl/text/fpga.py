"""What the part holds, and resources of modules in those terms."""

from __future__ import annotations

from dataclasses import asdict, dataclass

# A Xilinx VU13P, in four super logic regions (SLRs).
PART = {"lut": 1_728_000, "ff": 3_456_000, "carry8": 216_000, "dsp": 12_288, "bram18": 5_376}
SLRS = 4
# Inputs of a LUT.
LUT_INPUTS = 6


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

    def shares(self, parts: int = 1) -> dict[str, float]:
        """Share of the part's resources, or of one of so many equal ``parts`` of it."""
        return {name: getattr(self, name) / (total / parts) for name, total in PART.items()}
