"""Learned widths of tritag and of HGQ2 at one budget: one JSON file a point, a table, and a figure.

    python -m benchmarks.learned_widths_beside_hgq2 --beta 1e-8 --beta 1e-7 --seed 1 --seed 2

Jets, input scalars, order of the batches, steps, figures and cost count are the same. A first training is shared by all
points of a seed, and a second one adds the penalty ``beta`` for every bit operation (tritag's ``quant.bit_penalty`` is
for a million). What differs stands in docs/results.md. Points that are already there are not trained again; ``--side``
trains those of one side. Without ``--beta`` nothing is trained, and the table is of what the folder holds. ``--alkaid``
adds alkaid's estimate of each HGQ2 network, ``--synthesise`` also Yosys' count of those at one penalty.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Any, Literal

import typer

from benchmarks.widths_alkaid import write_alkaid
from benchmarks.widths_hgq2 import hgq2_points, load_hgq
from benchmarks.widths_page import read_points, table, write_figure
from benchmarks.widths_settings import Settings
from benchmarks.widths_tritag import tritag_points
from tritag.errors import TritagError
from tritag.terminal import print_progress, print_result

SIDES = ("hgq2", "tritag")


def points_of(
    side: str, settings: Settings, betas: list[float], folder: Path, precision: str, changes: list[str]
) -> Iterator[dict[str, Any]]:
    """Points of one side and one seed, trained where they are missing."""
    if side == "hgq2":
        return hgq2_points(settings.of_hgq2(), betas, folder)
    return tritag_points(settings.of_tritag(), betas, folder, precision, changes)


def estimate_all(folder: Path, synthesised: list[float]) -> None:
    """alkaid's figures of all HGQ2 points of a folder, with those of Yosys at the penalties ``synthesised``."""
    for path in sorted(folder.glob("hgq2-beta*.json")):
        if not path.name.endswith(".alkaid.json"):
            penalty = float(path.name.removeprefix("hgq2-beta").partition("-seed")[0])
            found = write_alkaid(path, synthesise=penalty in synthesised)
            print_progress(f"{path.name}: {found}")


def main(
    beta: Annotated[list[float], typer.Option(help="Penalty for each bit operation; several make a sweep.")] = [],  # noqa: B006
    data: str = Settings.data,
    constituents: Annotated[int, typer.Option("--constituents", "-K")] = Settings.constituents,
    norm: Annotated[str, typer.Option(help="Norms of tritag's transformer: layer or batch.")] = Settings.norm,
    seed: Annotated[list[int], typer.Option(help="Several make a spread.")] = [Settings.seed],  # noqa: B006
    first_steps: int = Settings.first_steps,
    steps: int = Settings.steps,
    batch_size: int = Settings.batch_size,
    rate: Annotated[float, typer.Option(help="Learning rate of the second training.")] = Settings.rate,
    tensor_widths: Annotated[bool, typer.Option(help="HGQ2 with one width for each activation tensor.")] = False,
    precision: Annotated[str, typer.Option(help="Of tritag's points.")] = "learned-bits",
    changes: Annotated[list[str], typer.Option("--set", help="Settings of tritag's points.")] = [],  # noqa: B006
    side: Annotated[list[str], typer.Option(help="hgq2 or tritag; by default both.")] = list(SIDES),  # noqa: B006
    out: Annotated[Path, typer.Option(help="Folder of the results.")] = Path("runs/widths"),
    alkaid: Annotated[bool, typer.Option(help="alkaid's estimate of each HGQ2 network; needs alkaid 0.8.2.")] = False,
    synthesise: Annotated[list[float], typer.Option(help="Penalty whose HGQ2 networks Yosys counts.")] = [],  # noqa: B006
    figure: Annotated[Path | None, typer.Option(help="SVG file of the planes.")] = None,
) -> None:
    """Train what is missing of both sides at each BETA, and print the table of all points in the folder."""
    widths: Literal["element", "tensor"] = "tensor" if tensor_widths else "element"
    try:
        if "hgq2" in side and beta:
            load_hgq()
        for number, name in itertools.product(seed, side):
            settings = Settings(
                data,
                constituents,
                widths,
                "batch" if norm == "batch" else "layer",
                batch_size,
                first_steps=first_steps,
                steps=steps,
                rate=rate,
                seed=number,
            )
            for point in points_of(name, settings, beta, out, precision, changes):
                print_progress(f"{name}, seed {number}, beta {point['beta']:g}: there")
        if alkaid:
            estimate_all(out, synthesise)
        points = read_points(out)
        print_result(table(points))
        if figure is not None:
            write_figure(points, figure)
    except TritagError as error:
        typer.echo(f"error: {error}", err=True)
        raise typer.Exit(2) from None


if __name__ == "__main__":
    typer.run(main)
