"""Error budget of a jet's gamma, stage by stage, over the whole domain of jets (docs/ops/jet_frame.md).

    python -m benchmarks.gamma_budget --jets 20000

Jets of two, three and sixteen candidates: momenta from 0.25 GeV to 4 TeV, evenly in their logarithm; axes anywhere
within |eta| < 3.9; widths of 1 to 60 steps of the grid. For each range of gamma the script prints the relative error
that each stage alone adds, against float64 without cancellation: the trigger's grid of angles, the tables of
``four_momenta``, its rounding of momenta, and ``jet_velocity`` on given momenta. The last column is the whole chain on
given codes.
"""

from __future__ import annotations

from typing import Annotated

import numpy as np
import torch
import typer
from numpy.typing import NDArray

from tritag.data.jets.trigger_grid import TriggerGrid
from tritag.quant.formats.fixed import Grid
from tritag.quant.formats.tensor import FixedTensor
from tritag.quant.ops.four_momenta import MOMENTUM_FRACTION, SPLIT_BITS, TRIG_BITS, FourMomenta
from tritag.quant.ops.jet_frame import JetVelocity
from tritag.quant.ops.jet_scalars import CODE_GRID, ETA_DOMAIN

Floats = NDArray[np.float64]
STAGES = ("grid of angles", "tables", "rounding of momenta", "jet_velocity", "whole chain")
RANGES = ((1, 8), (8, 32), (32, 64), (64, 128))
_LSB = TriggerGrid.ETA_LSB


def random_angles(rng: np.random.Generator, n: int, k: int) -> tuple[Floats, Floats]:
    """Momenta in GeV on the grid (n, k), and angles in steps of the grid (n, k, 2) before they are rounded."""
    steps = np.exp(rng.uniform(0, np.log(TriggerGrid.PT_MAX), (n, k)))
    pt = np.floor(steps).clip(1, TriggerGrid.PT_MAX) * TriggerGrid.PT_LSB_GEV
    width = np.exp(rng.uniform(0, np.log(60), (n, 1, 1)))
    axis = np.stack([rng.uniform(-3.9, 3.9, n) / _LSB, rng.uniform(-700, 700, n)], -1)
    angles = axis[:, None] + rng.normal(0, 1, (n, k, 2)) * width
    edge = int(ETA_DOMAIN / _LSB)
    return pt, angles.clip([-edge, TriggerGrid.PHI_MIN], [edge, TriggerGrid.PHI_MAX])


def gamma_of_angles(pt: Floats, angles: Floats) -> Floats:
    """Gamma of the sum of massless candidates (n, k), from differences of angles: nothing cancels."""
    radians = angles * _LSB
    eta, phi = (radians[..., i][:, :, None] - radians[..., i][:, None] for i in (0, 1))
    pairs = pt[:, :, None] * pt[:, None] * (np.sinh(eta / 2) ** 2 + np.sin(phi / 2) ** 2)
    mass = np.sqrt(np.maximum(2 * pairs.sum((1, 2)), 1e-300))
    return np.asarray((pt * np.cosh(radians[..., 0])).sum(1) / mass)


def gamma_of_momenta(momenta: NDArray[np.longdouble]) -> Floats:
    """Gamma of the sum of momenta (n, k, 4), in long doubles."""
    total = momenta.sum(1)
    square = total[:, 0] ** 2 - (total[:, 1:] ** 2).sum(-1)
    return np.asarray(total[:, 0] / np.sqrt(np.maximum(square, total[:, 0] ** 2 * 4.0**-7)), np.float64)


def momenta_of(pt: Floats, angles: Floats, table_bits: int | None, fraction: int | None) -> NDArray[np.longdouble]:
    """Momenta (n, k, 4) in GeV, of tables with so many fractional bits, rounded to so many; None: exact."""
    eta, phi = (np.asarray(angles[..., i] * _LSB, np.longdouble) for i in (0, 1))
    factors = np.stack([np.cosh(eta), np.cos(phi), np.sin(phi), np.sinh(eta)], -1)
    if table_bits is not None:
        factors = np.rint(factors * 2.0**table_bits) / 2.0**table_bits
    momenta = pt[..., None] * factors
    return momenta if fraction is None else np.rint(momenta * 2.0**fraction) / 2.0**fraction


def through_ops(pt: Floats, angles: Floats) -> tuple[NDArray[np.longdouble], Floats]:
    """Momenta of ``four_momenta``, and gamma of ``jet_velocity`` for them."""
    codes = np.concatenate([pt[..., None] / TriggerGrid.PT_LSB_GEV, angles], -1)
    count = torch.full((len(codes), 1), codes.shape[1], dtype=torch.float32)
    halves = FourMomenta()(
        FixedTensor(torch.from_numpy(codes).float(), CODE_GRID), FixedTensor(count, Grid(0, codes.shape[1], 0))
    )
    gamma = JetVelocity()(halves).value[:, 0, 0].double().numpy()
    parts = halves.integers().numpy()
    whole = (parts[..., :4] << SPLIT_BITS) + parts[..., 4:]
    return np.asarray(whole, np.longdouble) / 2.0**MOMENTUM_FRACTION, gamma


def budget(k: int, n: int, seed: int) -> tuple[Floats, dict[str, Floats]]:
    """Gamma (n,) of the codes, and the relative error of every stage of :data:`STAGES` (n,)."""
    pt, angles = random_angles(np.random.default_rng(seed), n, k)
    codes = np.rint(angles)
    true = gamma_of_angles(pt, codes)
    momenta, gamma = through_ops(pt, codes)
    found = (
        (gamma_of_angles(pt, angles), true),
        (gamma_of_momenta(momenta_of(pt, codes, TRIG_BITS, None)), true),
        (gamma_of_momenta(momenta_of(pt, codes, None, MOMENTUM_FRACTION)), true),
        (gamma, gamma_of_momenta(momenta)),
        (gamma, true),
    )
    return true, {name: np.abs(a / b - 1) for name, (a, b) in zip(STAGES, found, strict=True)}


def lines(n: int, seed: int, candidates: tuple[int, ...] = (2, 3, 16)) -> list[str]:
    """The budget as rows of a Markdown table: median / 99 % / largest in per mille."""
    made = []
    for k in candidates:
        gamma, errors = budget(k, n, seed)
        for low, high in RANGES:
            inside = (gamma > low) & (gamma <= high)
            cells = [_cell(error[inside]) for error in errors.values()]
            made.append(f"| {k} | {low} to {high} | {inside.sum()} | {' | '.join(cells)} |")
    return made


def _cell(error: Floats) -> str:
    return " / ".join(f"{1000 * x:.2g}" for x in (np.median(error), np.quantile(error, 0.99), error.max()))


def main(
    jets: Annotated[int, typer.Option(min=1000, help="Jets of each number of candidates.")] = 20_000,
    seed: Annotated[int, typer.Option(min=0)] = 0,
) -> None:
    """Print the table."""
    print(f"| candidates | gamma | jets | {' | '.join(STAGES)} |")  # noqa: T201
    print(f"|{'---|' * (3 + len(STAGES))}")  # noqa: T201
    print("\n".join(lines(jets, seed)))  # noqa: T201


if __name__ == "__main__":
    typer.run(main)
