"""Cost of a tagger on paper: MACs, bit operations, energy, weight bits (tagger-quantization paper, Figs. 5 and 6).

All figures are exact: bits and picojoules are decimal fractions, and the sums are rational numbers. Costs of a tagger
that was exported are counted on its graph instead, by :mod:`tritag.export.cost`.
"""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction

from tritag.errors import ConfigError, unknown_name
from tritag.quant.measure.cost_formulas import Sizes, Work

# Energy in pJ of (addition, multiplication) at 7 nm: arXiv:2112.00133, Table 1, as in the paper's Table 5. The paper's
# code takes bfloat16 for its float8.
ENERGY_PJ: dict[str, tuple[str, str]] = {
    "float32": ("0.38", "1.31"),
    "float16": ("0.16", "0.34"),
    "bfloat16": ("0.11", "0.21"),
    "float8": ("0.11", "0.21"),
    "int8": ("0.007", "0.07"),
}
BITS: dict[str, str] = {"float32": "32", "float16": "16", "bfloat16": "16", "float8": "8", "int8": "8"}
TERNARY_BITS = Fraction("1.58")


@dataclass(frozen=True)
class Precision:
    """Number formats of the kinds of :class:`Work`.

    Attributes
    ----------
    activations, products : str
        Formats of :data:`ENERGY_PJ`: inputs of the linear layers, and the numbers inside the attention.
    ternary : bool
        Hidden weights are ternary (1.58 bits, additions only); otherwise they have the activations' format.
    """

    activations: str
    products: str
    ternary: bool = False

    @property
    def weight_bits(self) -> Fraction:
        """Bits that one hidden weight takes."""
        return TERNARY_BITS if self.ternary else Fraction(BITS[self.activations])


WIDE = "float32"
PRECISIONS: dict[str, Precision] = {
    "f32": Precision("float32", "float32"),
    "f16": Precision("float16", "float16"),
    "bf16": Precision("bfloat16", "bfloat16"),
    "f8": Precision("float8", "float16"),
    "f8-ternary": Precision("float8", "float16", ternary=True),
    "int8": Precision("int8", "bfloat16"),
    "int8-ternary": Precision("int8", "bfloat16", ternary=True),
}


@dataclass(frozen=True)
class Cost:
    """Cost of one jet.

    Attributes
    ----------
    macs : int
    bit_operations : Fraction
        Sum over multiplications of the product of both numbers' bits.
    energy_pj : Fraction
        In pJ; a MAC is an addition and a multiplication, or an addition when the weight is ternary.
    weight_bits : Fraction
        Of the matrices that the formulas count: no biases, no input and output layers.
    """

    macs: int
    bit_operations: Fraction
    energy_pj: Fraction
    weight_bits: Fraction

    def __add__(self, other: Cost) -> Cost:
        return Cost(
            self.macs + other.macs,
            self.bit_operations + other.bit_operations,
            self.energy_pj + other.energy_pj,
            self.weight_bits + other.weight_bits,
        )

    def as_dict(self) -> dict[str, float]:
        """Numbers for JSON: integers where they are whole, else the nearest float."""
        plain = {name: Fraction(value) for name, value in vars(self).items()}
        return {name: int(x) if x.denominator == 1 else float(x) for name, x in plain.items()}


def cost_by_stage(sizes: Sizes, n_constituents: int, precision: str) -> dict[str, Cost]:
    """Cost of a jet of ``n_constituents`` by stage.

    Raises
    ------
    ConfigError
        Unknown precision (the nearest one is offered), or less than one constituent.
    """
    if precision not in PRECISIONS:
        raise ConfigError(unknown_name("precision", precision, PRECISIONS))
    if n_constituents < 1:
        raise ConfigError(f"constituents must be >= 1, got {n_constituents}")
    return {stage: work_cost(w, PRECISIONS[precision]) for stage, w in sizes.work(n_constituents).items()}


def total_cost(sizes: Sizes, n_constituents: int, precision: str) -> Cost:
    """Sum of :func:`cost_by_stage`."""
    return sum(cost_by_stage(sizes, n_constituents, precision).values(), Cost(0, Fraction(), Fraction(), Fraction()))


def work_cost(work: Work, precision: Precision) -> Cost:
    """Cost of ``work`` at ``precision``."""
    a, p, wide = (Fraction(BITS[name]) for name in (precision.activations, precision.products, WIDE))
    add, multiply = (Fraction(x) for x in ENERGY_PJ[precision.activations])
    hidden_energy = add if precision.ternary else add + multiply
    return Cost(
        work.macs,
        work.hidden * a * precision.weight_bits + work.plain * a * a + work.products * p * p + work.wide * wide * wide,
        work.hidden * hidden_energy
        + work.plain * (add + multiply)
        + work.products * _mac_energy(precision.products)
        + work.wide * _mac_energy(WIDE),
        work.hidden_weights * precision.weight_bits + work.plain_weights * a,
    )


def _mac_energy(number: str) -> Fraction:
    add, multiply = ENERGY_PJ[number]
    return Fraction(add) + Fraction(multiply)
