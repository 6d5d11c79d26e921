"""Every op of the package, bound to several grids, widths and numbers of rows."""

from __future__ import annotations

import importlib
import pkgutil
import re
from collections.abc import Callable

import torch

import tritag.quant.ops
from tests.helpers.layer_op_cases import LAYER_OP_CASES, Bound, counts, grid
from tritag.quant.formats.fixed import FixedType, Grid, product_grid
from tritag.quant.integer.axes_first import AxesBits
from tritag.quant.integer.lorentz import FrameBits
from tritag.quant.ops.attention import ExpWeights, WeightedMean
from tritag.quant.ops.axes_directions import AxesDirections
from tritag.quant.ops.biased_weights import BiasedWeights
from tritag.quant.ops.channel_affine import ChannelAffine
from tritag.quant.ops.constant_rows import ConstantRows
from tritag.quant.ops.empty_jet import EmptyJet
from tritag.quant.ops.first_token import FirstToken
from tritag.quant.ops.four_momenta import FourMomenta
from tritag.quant.ops.frame_transport import Direction, FrameTransport
from tritag.quant.ops.gated_unit import GatedUnit
from tritag.quant.ops.gelu import Gelu
from tritag.quant.ops.head_mean import HeadMean
from tritag.quant.ops.jet_frame import IntoJetFrame, JetVelocity, SpurionTokens
from tritag.quant.ops.jet_scalars import CODE_GRID, SCALAR_TYPE, JetScalars
from tritag.quant.ops.joint_norm import JointNormFactor, JointNormScale, common_fraction
from tritag.quant.ops.layer_norm import LayerNorm
from tritag.quant.ops.local_directions import LocalDirections
from tritag.quant.ops.local_scalars import LocalScalars
from tritag.quant.ops.mean_pool import MeanPool
from tritag.quant.ops.minkowski_product import MinkowskiProduct
from tritag.quant.ops.op import BoundProgram, Op, TensorSpec
from tritag.quant.ops.pair_features import PairFeatures
from tritag.quant.ops.pair_frames import JetPairFrames, PairFrames
from tritag.quant.ops.pair_masses import PairMasses, SpurionMasses
from tritag.quant.ops.pair_sum import PairSum, TokenScalars
from tritag.quant.ops.seed_directions import SeedDirections
from tritag.quant.ops.seed_scalars import SeedScalars
from tritag.quant.ops.seed_tokens import SeedFeatures, SeedTokens
from tritag.quant.ops.slim_tokens import SlimReferences, SlimTokens
from tritag.quant.ops.token_axes import TokenAxes
from tritag.quant.ops.token_features import SpurionFeatures, TokenFeatures
from tritag.quant.ops.token_frames import TokenFrames


def codes(k: int) -> TensorSpec:
    """Codes of ``k`` candidates in rows."""
    return TensorSpec(CODE_GRID, k, 3)


def codes_in_a_row(k: int) -> TensorSpec:
    """Codes of ``k`` candidates in lanes."""
    return TensorSpec(CODE_GRID, 1, 3 * k)


def result(bound: BoundProgram, rows: int) -> TensorSpec:
    """The output of a program, for the op that reads it."""
    return TensorSpec(bound.output_grid(), rows, bound.program.nodes[bound.program.outputs[0].node].lanes)


def jet_scalars(k: int) -> Bound:
    """Scalars of ``k`` constituents."""
    return JetScalars().bind(codes(k), counts(k)), k


def seed_scalars(k: int) -> Bound:
    """Scalars of ``k`` constituents about the first one."""
    return SeedScalars().bind(codes(k), counts(k)), k


def seed_tokens(k: int) -> Bound:
    """Tokens of ``k`` constituents along the first one."""
    return SeedTokens().bind(codes(k), counts(k)), k


def seed_features(k: int) -> Bound:
    """Features of ``k`` constituents for a Frames-Net."""
    return SeedFeatures().bind(codes(k), counts(k)), k


def seed_directions(k: int, phi: Grid) -> Bound:
    """Directions of ``k`` constituents from logits and tokens."""
    given = TensorSpec(phi, k, 3), result(*seed_tokens(k)), counts(k), result(*seed_scalars(k))
    return SeedDirections(AxesBits()).bind(*given), k


def layer_norm(rows: int, channels: int, x: Grid, bits: int = 8) -> Bound:
    """LayerNorm of ``rows`` vectors."""
    return LayerNorm(bits).bind(TensorSpec(x, rows, channels)), rows


def gelu(rows: int, lanes: int, x: Grid, y: Grid) -> Bound:
    """GELU from grid ``x`` to grid ``y``."""
    return Gelu(y).bind(TensorSpec(x, rows, lanes)), rows


def exp_weights(rows: int, keys: int, scores: Grid, scale: float, bits: int = 8, n_first: int = 0) -> Bound:
    """Weights of ``keys`` keys from their scores."""
    return ExpWeights(scale, bits, n_first).bind(TensorSpec(scores, rows, keys), counts(keys - n_first)), rows


def weighted_mean(rows: int, d_head: int, keys: int, values: Grid, weight_bits: int = 8) -> Bound:
    """Mean of ``keys`` values."""
    weights = Grid(0, (1 << weight_bits) - 1, 0)
    numerator = TensorSpec(product_grid(weights, values, keys), rows, d_head)
    return WeightedMean(values).bind(numerator, TensorSpec(weights, rows, keys)), rows


def mean_pool(rows: int, channels: int, h: Grid) -> Bound:
    """Mean over ``rows`` rows."""
    return MeanPool().bind(TensorSpec(h, rows, channels), counts(rows)), rows


def trigger_frames(k: int) -> dict[str, Bound]:
    """The ops of a jet's own frame for ``k`` constituents, each bound to the results of those before it."""
    count, scalars = counts(k), TensorSpec(Grid.of(SCALAR_TYPE), k, 7)
    bound = {"four_momenta": FourMomenta().bind(codes(k), count)}
    momenta = result(bound["four_momenta"], k)
    bound["jet_velocity"] = JetVelocity().bind(momenta)
    velocity = result(bound["jet_velocity"], 1)
    bound["into_jet_frame"] = IntoJetFrame().bind(momenta, velocity)
    bound["spurion_tokens"] = SpurionTokens().bind(velocity)
    tokens = result(bound["into_jet_frame"], k)
    every = TensorSpec(tokens.grid.union(bound["spurion_tokens"].output_grid()), k + 3, 4)
    bound["token_features"] = TokenFeatures().bind(momenta, count, scalars)
    bound["token_products"] = TokenFeatures().bind(momenta, count)
    bound["spurion_features"] = SpurionFeatures().bind(momenta)
    bound["spurion_products"] = SpurionFeatures(0).bind(momenta)
    bound["token_frames"] = TokenFrames(3, FrameBits(), 16).bind(TensorSpec(grid(10, 4), k + 3, 3), every, count)
    inputs = (result(bound["token_frames"], 1), tokens, count)
    bound["local_scalars"] = LocalScalars().bind(*inputs)
    bound["local_directions"] = LocalDirections().bind(*inputs, scalars)
    bound["local_directions_alone"] = LocalDirections().bind(*inputs)
    bound["token_axes"] = TokenAxes(3, AxesBits(), 16).bind(TensorSpec(grid(10, 4), k + 3, 3), every, count)
    axes = result(bound["token_axes"], 1), tokens, count
    bound["axes_directions"] = AxesDirections(AxesBits()).bind(*axes, scalars)
    bound["axes_directions_alone"] = AxesDirections(AxesBits()).bind(*axes)
    rows = {"spurion_tokens": 1, "token_frames": k + 3, "token_axes": k + 3}
    return {name: (b, rows.get(name, k)) for name, b in bound.items()}


def pair_frames(k: int) -> dict[str, Bound]:
    """The ops of frames from pairs for ``k`` constituents, each bound to the results of those before it."""
    n, count, scalars = k + 3, counts(k), Grid.of(SCALAR_TYPE)
    tokens = trigger_frames(k)["into_jet_frame"][0].output_grid()
    masses = PairMasses().bind(codes(k), codes_in_a_row(k), count)
    spurions = SpurionMasses().bind(codes_in_a_row(k), count)
    pairs = masses.output_grid().union(spurions.output_grid())

    def inputs(rows: int) -> tuple[TensorSpec, ...]:
        every = TensorSpec(tokens, 1, 4 * n)
        own = TensorSpec(tokens, rows, 4)
        return TensorSpec(grid(10, 4), rows, 3 * n), TensorSpec(pairs, rows, n), own, every, count

    sums = TensorSpec(grid(20, 4), k, 2), TensorSpec(grid(21, 6), 1, 2 * k), TensorSpec(grid(16, 2), k, 2 * n)
    local = PairFrames(FrameBits().for_candidates(), 16).bind(*inputs(k))
    in_frames = result(local, k), TensorSpec(tokens, k, 4), count
    return {
        "pair_masses": (masses, k),
        "spurion_masses": (spurions, 1),
        "token_scalars": (TokenScalars().bind(TensorSpec(scalars, 1, 7 * k)), 1),
        "pair_sum": (PairSum().bind(*sums), k),
        "pair_frames": (local, k),
        "jet_pair_frames": (JetPairFrames(FrameBits(), 16).bind(*inputs(n)), n),
        "local_scalars": (LocalScalars().bind(*in_frames), k),
        "local_directions": (LocalDirections().bind(*in_frames, TensorSpec(scalars, k, 7)), k),
    }


def frame_transport(k: int, channels: int, heads: int, direction: Direction) -> Bound:
    """Channels of ``k`` constituents from frame to frame."""
    frames = TensorSpec(Grid(-(1 << 24) + 1, (1 << 24) - 1, 17), k, 16)
    return FrameTransport(heads, direction).bind(TensorSpec(grid(8, 3), k, channels), frames), k


def pair_features(k: int) -> Bound:
    """Features of the pairs of ``k`` constituents."""
    return PairFeatures().bind(codes(k), codes_in_a_row(k), counts(k)), k


def channel_affine(x: Grid, y: Grid, factor: list[float], offset: list[float], rows: int = 3) -> Bound:
    """Factors and offsets per channel, as float32 holds them."""
    factors, offsets = (tuple(torch.tensor(values).tolist()) for values in (factor, offset))
    return ChannelAffine(y, factors, offsets).bind(TensorSpec(x, rows, len(factors))), rows


def biased_weights(n: int, heads: int, bias: Grid, scores: Grid) -> Bound:
    """Weights of ``n`` keys with a bias per pair."""
    given = TensorSpec(scores, n, heads * n), TensorSpec(bias, n, n * heads)
    return BiasedWeights(heads, 8**-0.5).bind(*given, counts(n)), n


def constant_rows(entries: list[int]) -> Bound:
    """Constants for jets of up to 5 constituents."""
    return ConstantRows(tuple(entries), 7).bind(counts(5)), 1


def empty_jet(k: int, y: Grid, entries: tuple[int, ...]) -> Bound:
    """Outputs of jets of up to ``k`` constituents."""
    return EmptyJet(entries).bind(TensorSpec(y, 1, len(entries)), counts(k)), 1


def first_token(rows: int, lanes: int) -> Bound:
    """First of ``rows`` rows."""
    return FirstToken().bind(TensorSpec(grid(12, 4), rows, lanes)), rows


def slim_tokens(k: int) -> dict[str, Bound]:
    """Vectors of L-GATr-slim."""
    momenta = result(FourMomenta().bind(codes(k), counts(k)), k)
    velocity = result(JetVelocity().bind(momenta), 1)
    return {
        "slim_tokens": (SlimTokens().bind(momenta, velocity), k),
        "slim_references": (SlimReferences().bind(velocity), 1),
    }


def joint_norm(rows: int, heads: int, lowered: bool = False) -> dict[str, Bound]:
    """Factor and scaled vectors and scalars of 4 vectors and 8 scalars."""
    vectors, scalars, y = grid(16, 6), grid(12, 4), Grid.of(FixedType(True, 12, 5))
    given = TensorSpec(vectors, rows, 16), TensorSpec(scalars, rows, 8)
    factor = JointNormFactor(heads).bind(*given)
    bound = {"factor": (factor, rows)}
    for name, x, components in (("vectors", given[0], 4), ("scalars", given[1], 1)):
        fraction, lower = common_fraction(vectors, scalars), lowered and name == "vectors"
        op = JointNormScale(y, heads, 12, components, fraction, lower)
        bound[name] = op.bind(x, result(factor, rows)), rows
    return bound


def minkowski_product(rows: int, channels: int, a: Grid, b: Grid, y: Grid) -> Bound:
    """Products of ``channels`` vectors."""
    return MinkowskiProduct(y).bind(*(TensorSpec(x, rows, 4 * channels) for x in (a, b))), rows


def gated_unit(rows: int, channels: int, components: int, gate: Grid, value: Grid, y: Grid) -> Bound:
    """Gates on scalars (1 component) or vectors (4)."""
    given = TensorSpec(gate, rows, channels), TensorSpec(value, rows, channels * components)
    return GatedUnit(y).bind(*given), rows


def head_mean(rows: int, channels: int, heads: int, components: int, keys: int, values: Grid) -> Bound:
    """Means of all heads' values."""
    weights = Grid(0, 255, 0)
    numerator = TensorSpec(product_grid(weights, values, keys), rows, channels * components)
    return HeadMean(values, heads, components).bind(numerator, TensorSpec(weights, rows, heads * keys)), rows


def attention_scores(d_head: int, fraction: int) -> Grid:
    """Grid of the product of int8 queries and keys."""
    return product_grid(Grid(-128, 127, fraction), Grid(-128, 127, 0), d_head)


PAIR_OPS = ("pair_masses", "spurion_masses", "token_scalars", "pair_sum", "pair_frames", "jet_pair_frames")

OP_CASES: dict[str, Callable[[], Bound]] = {
    "jet_scalars_k1": lambda: jet_scalars(1),
    "jet_scalars_k5": lambda: jet_scalars(5),
    "jet_scalars_k16": lambda: jet_scalars(16),
    "jet_scalars_k64": lambda: jet_scalars(64),
    "seed_scalars_k1": lambda: seed_scalars(1),
    "seed_scalars_k5": lambda: seed_scalars(5),
    "seed_tokens_k1": lambda: seed_tokens(1),
    "seed_tokens_k5": lambda: seed_tokens(5),
    "seed_features_k1": lambda: seed_features(1),
    "seed_features_k5": lambda: seed_features(5),
    "seed_directions_k5": lambda: seed_directions(5, grid(10, 4)),
    "seed_directions_coarse": lambda: seed_directions(2, grid(14, 5)),
    "layer_norm_c16": lambda: layer_norm(16, 16, grid(12, 3)),
    "layer_norm_c16_16bit": lambda: layer_norm(5, 16, grid(16, 6)),
    "layer_norm_c3_6bit": lambda: layer_norm(1, 3, grid(6, 8), bits=6),
    "layer_norm_c2": lambda: layer_norm(2, 2, grid(8, 4)),
    "layer_norm_c32": lambda: layer_norm(3, 32, grid(12, 4), bits=10),
    "gelu": lambda: gelu(16, 16, grid(8, 3), grid(8, 3)),
    "gelu_narrow": lambda: gelu(5, 3, grid(4, 2), grid(6, 3)),
    "gelu_wide": lambda: gelu(1, 1, Grid(-300, 777, 6), grid(10, 2)),
    "exp_weights_n16": lambda: exp_weights(32, 16, attention_scores(8, 12), 8**-0.5),
    "exp_weights_n5": lambda: exp_weights(5, 5, attention_scores(16, 9), 0.25, bits=6),
    "exp_weights_coarse": lambda: exp_weights(3, 3, attention_scores(4, 4), 0.5),
    "exp_weights_n64": lambda: exp_weights(2, 64, attention_scores(4, 14), 0.5),
    "weighted_mean_n16": lambda: weighted_mean(32, 8, 16, grid(8, 2)),
    "weighted_mean_n5": lambda: weighted_mean(5, 4, 5, grid(6, 1), weight_bits=6),
    "weighted_mean_n64": lambda: weighted_mean(2, 2, 64, grid(8, 5)),
    "mean_pool_n16": lambda: mean_pool(16, 16, grid(12, 3)),
    "mean_pool_n5": lambda: mean_pool(5, 3, grid(8, 8)),
    "mean_pool_n1": lambda: mean_pool(1, 2, grid(12, 1)),
    "mean_pool_n100": lambda: mean_pool(100, 1, grid(12, 3)),
    "four_momenta": lambda: trigger_frames(5)["four_momenta"],
    "jet_velocity": lambda: trigger_frames(5)["jet_velocity"],
    "into_jet_frame": lambda: trigger_frames(5)["into_jet_frame"],
    "spurion_tokens": lambda: trigger_frames(5)["spurion_tokens"],
    "token_features": lambda: trigger_frames(5)["token_features"],
    "token_products": lambda: trigger_frames(5)["token_products"],
    "spurion_features": lambda: trigger_frames(5)["spurion_features"],
    "spurion_products": lambda: trigger_frames(5)["spurion_products"],
    "token_frames": lambda: trigger_frames(5)["token_frames"],
    "local_scalars": lambda: trigger_frames(5)["local_scalars"],
    "local_directions": lambda: trigger_frames(5)["local_directions"],
    "token_axes": lambda: trigger_frames(5)["token_axes"],
    "token_axes_k2": lambda: trigger_frames(2)["token_axes"],
    "axes_directions": lambda: trigger_frames(5)["axes_directions"],
    "axes_directions_alone": lambda: trigger_frames(5)["axes_directions_alone"],
    "local_directions_alone": lambda: trigger_frames(5)["local_directions_alone"],
    **{name: lambda name=name: pair_frames(3)[name] for name in PAIR_OPS},  # type: ignore[misc]
    "local_scalars_rows": lambda: pair_frames(3)["local_scalars"],
    "local_directions_rows": lambda: pair_frames(3)["local_directions"],
    "transport_enter": lambda: frame_transport(3, 16, 2, "enter"),
    "transport_leave": lambda: frame_transport(2, 8, 1, "leave"),
    "transport_lowered": lambda: frame_transport(2, 16, 1, "leave-lowered"),
    "exp_weights_first": lambda: exp_weights(4, 6, attention_scores(4, 8), 0.5, n_first=2),
    "pair_features_k1": lambda: pair_features(1),
    "pair_features_k5": lambda: pair_features(5),
    "channel_affine": lambda: channel_affine(grid(12, 3), grid(8, 3), [0.7, -1.3, 0.0, 1e-4], [0.1, -2.0, 3.0, 0.0]),
    "channel_affine_fine": lambda: channel_affine(grid(8, 6), grid(12, 2), [40.0, 5e-3], [0.01, -0.3], rows=1),
    "biased_weights_h1": lambda: biased_weights(3, 1, grid(8, 3), attention_scores(8, 12)),
    "biased_weights_h4": lambda: biased_weights(5, 4, grid(8, 6), attention_scores(8, 6)),
    "constant_rows": lambda: constant_rows([5, -9, 0, 127, -128]),
    "empty_jet": lambda: empty_jet(5, grid(12, 4), (-2048,)),
    "empty_jet_classes": lambda: empty_jet(40, Grid(-300, 777, 6), (-300, 777, -300, 5)),
    "first_token": lambda: first_token(5, 3),
    "slim_tokens": lambda: slim_tokens(5)["slim_tokens"],
    "slim_references": lambda: slim_tokens(5)["slim_references"],
    "joint_norm_factor": lambda: joint_norm(3, 1)["factor"],
    "joint_norm_factor_h2": lambda: joint_norm(3, 2)["factor"],
    "joint_norm_scale_vectors": lambda: joint_norm(3, 2, lowered=True)["vectors"],
    "joint_norm_scale_scalars": lambda: joint_norm(3, 1)["scalars"],
    "minkowski_product": lambda: minkowski_product(3, 4, grid(12, 5), grid(12, 3), grid(10, 6)),
    "gated_unit_scalars": lambda: gated_unit(3, 8, 1, grid(8, 3), grid(8, 2), grid(10, 4)),
    "gated_unit_vectors": lambda: gated_unit(3, 2, 4, grid(10, 6), grid(12, 5), grid(10, 8)),
    "head_mean_vectors": lambda: head_mean(3, 4, 2, 4, 5, grid(10, 4)),
    "head_mean_scalars": lambda: head_mean(3, 8, 2, 1, 20, grid(8, 2)),
    **LAYER_OP_CASES,
}


def op_classes() -> dict[str, type[Op]]:
    """All ops of the package by name."""
    for module in pkgutil.iter_modules(tritag.quant.ops.__path__):
        importlib.import_module(f"tritag.quant.ops.{module.name}")
    package = [cls for cls in Op.__subclasses__() if cls.__module__.startswith(f"{tritag.quant.ops.__name__}.")]
    return {re.sub(r"(?<!^)(?=[A-Z])", "_", cls.__name__).lower(): cls for cls in package}
