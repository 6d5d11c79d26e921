"""Errors that tests allow, each named once. Integers are compared exactly; these are for comparisons with floats.

``*_LSB`` are in units of the last bit of the tensor that is compared, the others are relative or absolute as named.
"""

from __future__ import annotations

# Rounding half to even of the exact result, and of a float64 result of the same formula (ties may fall elsewhere).
ROUNDED_LSB = 0.5
HALF_ULP = 1e-9

# Blocks with a table of 2**10 entries (docs/integer-programs.md, "Blocks").
LOG2_ABSOLUTE = 2.0**-11 / 0.6931471805599453
RECIPROCAL_RELATIVE = 2.0**-11
ROOT_RELATIVE = 2.0**-12
ANGLE_RAD = 2.0**-10

# Ops against their float64 formula (docs/ops/*.md).
LAYER_NORM_LSB = 0.75
EXP_WEIGHTS_LSB = 2.6
WEIGHTED_MEAN_LSB = 0.9
ATTENTION_LSB = 3.0
MEAN_POOL_LSB = 1.0

# float32 against float64: a few units in the last place of order-one values.
FLOAT32 = 3e-7
