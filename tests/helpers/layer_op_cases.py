"""Ops of single layers bound to several grids: activations, pools, sums and products, softmax."""

from __future__ import annotations

from collections.abc import Callable

from tritag.quant.formats.fixed import FixedType, Grid, product_grid
from tritag.quant.ops.activation import Clamp, Relu, Table
from tritag.quant.ops.attention import ExpWeights
from tritag.quant.ops.combined import Add, EdgeSum, Multiply
from tritag.quant.ops.free_scale import FromSums, ToCodes
from tritag.quant.ops.op import BoundProgram, TensorSpec
from tritag.quant.ops.pools import MaskTokens, MaxPool, SlotMean, SumPool
from tritag.quant.ops.softmax import Softmax
from tritag.quant.ops.word_score import WordScore

Bound = tuple[BoundProgram, int]


def grid(bits: int, integer: int) -> Grid:
    """Grid of a signed type."""
    return Grid.of(FixedType(True, bits, integer))


def counts(k: int) -> TensorSpec:
    """Numbers of up to ``k`` constituents."""
    return TensorSpec(Grid(0, k, 0), 1, 1)


def layer_ops() -> dict[str, Bound]:
    """Ops of single layers: activations, pools, sums and products, softmax."""
    fine, coarse, odd = grid(8, 2), grid(8, 5), Grid(-77, 300, 4)
    x, row, wide = TensorSpec(fine, 3, 4), TensorSpec(coarse, 1, 4), TensorSpec(odd, 3, 4)
    sums = TensorSpec(Grid(-172926, 172344, 0), 3, 4)
    scores = product_grid(Grid(-128, 127, 8), Grid(-128, 127, 0), 4)
    return {
        "exp_weights_all": (ExpWeights(0.5).bind(TensorSpec(scores, 4, 3)), 4),
        "relu": (Relu(grid(8, 3)).bind(x), 3),
        "relu_finer": (Relu(grid(12, 3)).bind(wide), 3),
        "clamp": (Clamp(grid(8, 2), -0.3, 1.1).bind(wide), 3),
        "clamp_coarse": (Clamp(grid(4, 3), -9.0, 0.0).bind(x), 3),
        "sigmoid": (Table(grid(8, 1), "sigmoid").bind(wide), 3),
        "tanh": (Table(grid(6, 0), "tanh").bind(x), 3),
        "sum_pool": (SumPool(grid(12, 4)).bind(x, counts(3)), 3),
        "sum_pool_finer": (SumPool(grid(16, 4)).bind(TensorSpec(odd, 5, 2), counts(5)), 5),
        "slot_mean": (SlotMean().bind(x, counts(3)), 3),
        "slot_mean_wide": (SlotMean().bind(TensorSpec(odd, 5, 2), counts(5)), 5),
        "max_pool": (MaxPool().bind(x, counts(3)), 3),
        "max_pool_positive": (MaxPool().bind(TensorSpec(Grid(5, 300, 2), 5, 1), counts(5)), 5),
        "mask_tokens": (MaskTokens().bind(x, counts(3)), 3),
        "mask_tokens_positive": (MaskTokens().bind(TensorSpec(Grid(5, 300, 2), 5, 1), counts(5)), 5),
        "to_codes": (ToCodes(0.0178, -37, -128, 127).bind(wide), 3),
        "to_codes_coarse": (ToCodes(1 / 3, 5, -8, 7).bind(x), 3),
        "from_sums": (FromSums(grid(10, 3), (0.0178, 0.0031), (0.3, -1.7, 0.0, 2.25)).bind(sums), 3),
        "from_sums_coarse": (FromSums(grid(4, 3), (1 / 3, 0.04), (0.1, -0.2, 0.3, 0.4)).bind(sums), 3),
        "add_row": (Add(grid(12, 5)).bind(x, row), 3),
        "add_rows": (Add(grid(6, 3)).bind(wide, x), 3),
        "multiply_row": (Multiply(grid(8, 4)).bind(x, row), 3),
        "multiply_rows": (Multiply(grid(12, 6)).bind(wide, x), 3),
        "edge_sum": (EdgeSum(grid(10, 6)).bind(x, TensorSpec(coarse, 1, 12), counts(3)), 3),
        "edge_sum_finer": (EdgeSum(grid(16, 6)).bind(TensorSpec(odd, 2, 1), TensorSpec(fine, 1, 2), counts(2)), 2),
        "softmax": (Softmax(8).bind(x), 3),
        "softmax_wide": (Softmax(12).bind(TensorSpec(grid(14, 6), 2, 5)), 2),
        "word_score": (WordScore(1).bind(TensorSpec(grid(16, 5), 1, 1)), 1),
        "word_score_coarse": (WordScore(1).bind(TensorSpec(odd, 1, 2)), 1),
        "word_score_classes": (WordScore(3).bind(TensorSpec(grid(14, 6), 1, 5)), 1),
    }


LAYER_OP_CASES: dict[str, Callable[[], Bound]] = {
    name: lambda name=name: layer_ops()[name]  # type: ignore[misc]
    for name in layer_ops()
}
