"""Errors that tests allow, each named once. Integers are compared exactly; these are for comparisons with floats.

Names that end in ``_LSB`` count in the last bit of the tensor that is compared. The bounds of blocks and ops are the
ones that docs/integer-programs.md and docs/ops/ state.
"""

from __future__ import annotations

import math

# Outputs of float taggers in float64 on different processors: the same sums in another order, of equal inputs.
PINNED_FLOATS = {"rtol": 1e-7, "atol": 1e-8}
# Logits of generated jets from float taggers in float32; float64 from the same inputs differs by up to 4e-4.
FLOAT32_LOGIT = 1e-3
# One rounding half to even.
ROUNDING_LSB = 0.5

# Attention as a whole; its error is not bounded in closed form (docs/ops/attention.md).
ATTENTION_LSB = 3.0
# Scalars of jets whose momentum is not a difference of large numbers (docs/ops/jet_scalars.md), in the order of
# tritag.models.layers.scalars: four logarithms, eta, phi, R.
JET_SCALARS_LSB = (0.9, 1.0, 1.1, 1.1, 1.0, 1.0, 2.0)

# Training's float surrogate against the exact op on the same integers: both round the same number once, but the op
# has the table errors above.
SURROGATE_LAYER_NORM_LSB = 1.0
SURROGATE_GELU_LSB = 1.0
SURROGATE_ATTENTION_LSB = 3.0
# The surrogate of the mean is not rounded.
SURROGATE_MEAN_POOL_LSB = 3.0
# Logits of a whole tagger: root mean square difference over their spread.
SURROGATE_LOGIT = 0.02


def log2_error(index_bits: int, fraction: int) -> float:
    """Absolute error of ``blocks.log2``: half a table interval at mantissa 1, and one rounding."""
    return 2.0 ** -(index_bits + 1) / math.log(2) + 0.5 * 2.0**-fraction


def sqrt_error(root: float, index_bits: int, fraction: int) -> float:
    """Absolute error of ``blocks.sqrt``: half a table interval, the entry's rounding and the result's."""
    return root * 2.0 ** -(index_bits + 2) + 0.75 * 2.0**-fraction


def rsqrt_error(index_bits: int, bits: int) -> float:
    """Relative error of ``blocks.rsqrt``: half a table interval and the rounding of the smallest mantissa."""
    return 2.0 ** -(index_bits + 2) + 2.0**-bits


def reciprocal_error(index_bits: int, bits: int) -> float:
    """Relative error of ``blocks.reciprocal``: half a table interval and the rounding of the smallest mantissa."""
    return 2.0 ** -(index_bits + 1) + 2.0**-bits


def angle_error(index_bits: int, fraction: int) -> float:
    """Error of ``blocks.angle`` in radians: of the ratio (a reciprocal and one rounding), of table and constants."""
    return reciprocal_error(index_bits, index_bits + 4) + 2.0 ** -(index_bits + 1) + 2.0**-fraction


def layer_norm_lsb(channels: int, fraction: int, largest: float) -> float:
    """Error of layer_norm for results of up to ``largest`` LSB, on inputs with ``fraction`` fractional bits.

    The parts: one rounding, rsqrt, the constant sqrt(C), and eps as an integer beside the smallest sum of squares.
    """
    root = abs(round(math.sqrt(channels) * 64) / (math.sqrt(channels) * 64) - 1)
    eps = 1e-5 * 4.0**fraction * channels**3
    lost = abs(eps - round(eps)) / (2 * channels * (channels - 1))
    return ROUNDING_LSB + largest * (rsqrt_error(8, 12) + root + lost)


def exp_weights_lsb(bits: int) -> float:
    """Error of exp_weights: half a table step of 2**-6 at weight 1, and one rounding."""
    return ROUNDING_LSB + ((1 << bits) - 1) * 2.0**-7


def weighted_mean_lsb(largest: float) -> float:
    """Error of weighted_mean for results of up to ``largest`` LSB."""
    return ROUNDING_LSB + largest * reciprocal_error(8, 10)


def mean_pool_lsb(rows: int, largest: float) -> float:
    """Error of mean_pool for results of up to ``largest`` LSB."""
    return ROUNDING_LSB + largest * rows * 2.0 ** -(13 + rows.bit_length())


# Geometry of the Lorentz taggers on jets of the sample (tests/quant/test_trigger_frames.py): tokens in GeV at median,
# 99 % and worst; products of tokens and local scalars in LSB at 99 %; frame entries at median and 90 %.
TOKENS_GEV = (0.002, 0.05, 0.5)
PRODUCTS_LSB = 1.0
LOCAL_SCALARS_LSB = 8.0
# Directions: half an LSB, and 2**-11 of 2**8 LSB from the table of 1/E; log E likewise.
LOCAL_DIRECTIONS_LSB = 1.0
# Directions from products (docs/ops/token_axes.md), at 99 %: the same tables three times, a quarter LSB each, the last
# rounding, and weights of 16 bits.
GRAM_DIRECTIONS_LSB = 2.0
FRAME_MEDIAN = 2e-4
FRAME_90 = 1e-3
# Tokens and features along the leading candidate (docs/ops/seed_tokens.md): E and p_x have two entries of half an LSB
# each, p_y and p_z one. Logarithms as those of seed_scalars.
SEED_TOKENS_LSB = (1.0, 1.0, 0.5, 0.5)
SEED_LOGARITHM_LSB = 2.4
# Energies and directions in the frame of 17-bit weights, at median, 90 % and 99 % (docs/ops/seed_directions.md).
SEED_DIRECTION_LSB = (1.0, 2.0, 4.0)
# Frames from pairs (tests/quant/test_pair_frames.py): masses in LSB, frame entries at median and 90 %.
PAIR_MASS_LSB = 1.2
PAIR_FRAME_MEDIAN = 1e-3
PAIR_FRAME_90 = 1e-2

# ln m^2, ln kT, ln z, ln Delta R of pairs (docs/ops/pair_features.md).
PAIR_FEATURES_LSB = (0.9, 0.8, 0.8, 0.7)
# Weights of 255 with a bias on the scores (docs/ops/biased_weights.md): half a table step, two roundings of logits.
BIASED_WEIGHTS_LSB = 4.0
# Vectors of L-GATr-slim in units of 16 GeV: largest of a jet, at median and 95 %.
SLIM_TOKENS = (2e-3, 5e-2)


def channel_affine_lsb(size, fraction: int, y_fraction: int, largest: float):
    """Error of channel_affine for inputs of ``size``: one rounding, those of factor and offset."""
    step = 2.0 ** -max(11 - math.frexp(largest)[1], y_fraction - fraction)
    return ROUNDING_LSB + 1e-6 + (size + 2.0**-fraction) * step / 2 * 2.0**y_fraction


def joint_norm_lsb(largest):
    """Error of joint_norm for results of ``largest`` LSB: one rounding, rsqrt, the constant root, eps as an integer."""
    return ROUNDING_LSB + largest * (rsqrt_error(9, 14) + 2.0**-9 + 2.0**-9)


def gated_unit_lsb(reach: float, value: float, fraction: int) -> float:
    """Error of gated_unit for gates up to ``reach`` and values up to ``value``: one rounding, one table entry's."""
    return ROUNDING_LSB + value * 2.0 ** (math.ceil(math.log2(reach)) - 13 + fraction)


def head_mean_lsb(largest: float) -> float:
    """Error of head_mean for results of up to ``largest`` LSB."""
    return ROUNDING_LSB + largest * reciprocal_error(9, 12)


# docs/ops/word_score.md: the table's rounding, and half a step of the logit times the sigmoid's slope.
WORD_SIGMOID_LSB = 0.5 + 0.125


def softmax_lsb(bits: int, finer_than_table: bool) -> float:
    """Error of docs/ops/softmax.md in LSB: rounding, codes of the exponentials, reciprocal; step of their table."""
    return 0.75 + 2.0 ** (bits - 11) + (2.0 ** (bits - 8) if finer_than_table else 0)
