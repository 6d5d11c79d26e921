"""The delay model: how much logic fits between two registers.

Estimates for an UltraScale+ part of speed grade -2, routing included; nothing here is a measurement. The model is
strict on purpose: constant additions, comparisons and multiplexers all cost time, so that a requantization chain
cannot collapse into one stage.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

from tritag.export.rtl.text.fpga import LUT_INPUTS

# Part of each period that the registers take: clock to output, and set-up.
REGISTER_NS = 0.3


@dataclass(frozen=True)
class DelayModel:
    """Delays in ns.

    Attributes
    ----------
    stage_ns : float
        Time for logic between two registers: the clock period less its uncertainty and the registers' own delay.
    lut_ns : float
        One level of look-up tables with its net.
    carry_ns, carry_bit_ns : float
        An adder or comparator: into and out of the carry chain, and per bit of it.
    product_ns, product_out_ns : float
        From the operands through a DSP to its inner register (M), and from there out of the DSP.
    rom_ns, rom_out_ns : float
        From the address into a block memory, and from the memory's output latch to the logic.
    uncertainty_percent : float
        Share of the period that was taken off for ``stage_ns``.
    """

    stage_ns: float
    lut_ns: float = 0.45
    carry_ns: float = 0.65
    carry_bit_ns: float = 0.012
    product_ns: float = 1.7
    product_out_ns: float = 0.9
    rom_ns: float = 0.7
    rom_out_ns: float = 1.2
    uncertainty_percent: float = 0.0

    @classmethod
    def of_clock(cls, period_ns: float, uncertainty_percent: float) -> DelayModel:
        """Model of a stage: the clock period without its uncertainty and the registers' delay."""
        stage_ns = period_ns * (1 - uncertainty_percent / 100) - REGISTER_NS
        return cls(stage_ns, uncertainty_percent=uncertainty_percent)

    def period_for(self, delay_ns: float) -> float:
        """Clock period in ns of which a stage holds logic of ``delay_ns``, rounded up to 10 ps."""
        return math.ceil((delay_ns + REGISTER_NS) / (1 - self.uncertainty_percent / 100) * 100 - 1e-9) / 100

    @property
    def stage_levels(self) -> int:
        """Most levels of LUTs that fit between two registers."""
        return int(self.stage_ns / self.lut_ns + 1e-9)

    @property
    def longest_ns(self) -> float:
        """The longest logic that cannot be divided: a product inside a DSP."""
        return max(self.product_ns, self.product_out_ns, self.rom_ns, self.rom_out_ns)

    def adder(self, bits: int) -> float:
        """Sum, difference or comparison of ``bits`` bits."""
        return self.carry_ns + self.carry_bit_ns * bits

    def levels(self, inputs: int) -> float:
        """Any function of ``inputs`` bits that reduces in a tree of LUTs."""
        return self.lut_ns * max(1, math.ceil(math.log(max(inputs, 2), LUT_INPUTS) - 1e-9))

    def levels_of_choice(self, values: int) -> int:
        """LUT levels behind the decoded condition of each value: three masked values in the first, six in others."""
        return 1 + max(0, math.ceil(math.log(max(values / 3, 1), LUT_INPUTS) - 1e-9))

    def table(self, address_bits: int) -> float:
        """A table in LUTs: 6 bits per LUT, then multiplexers of four."""
        return self.lut_ns * (1 + max(0, math.ceil((address_bits - LUT_INPUTS) / 2)))
