"""``tritag cost``: MACs, bit operations, energy and weight bits of a tagger, by formula or counted on its graph."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Annotated, cast

import typer

from tritag.commands.options import AsJson, Tagger
from tritag.errors import ConfigError
from tritag.modes import require_only
from tritag.pipeline.names import check_cost_name
from tritag.pipeline.opened import is_exact, open_run
from tritag.terminal import print_json, print_result, print_table

if TYPE_CHECKING:
    from tritag.pipeline.cost import CountedCost, FormulaCost

_COLUMNS = {
    "macs": "MACs",
    "bit_operations": "bit operations",
    "effective_bit_operations": "effective bit operations",
    "energy_pj": "energy (pJ)",
    "weight_bits": "weight bits",
    "table_bits": "table bits",
}


def command(
    context: typer.Context,
    tagger: Tagger = None,
    constituents: Annotated[int, typer.Option("--constituents", "-K", help="Constituents N of a jet.")] = 30,
    precision: Annotated[str, typer.Option(help="f32, f16, bf16, f8, int8, f8-ternary, int8-ternary.")] = "int8",
    run: Annotated[str | None, typer.Option(help="Count an exported run's graph instead of a formula.")] = None,
    list_taggers: Annotated[bool, typer.Option("--list", help="List the taggers with a formula and stop.")] = False,
    json: AsJson = False,
) -> None:
    """Print the cost of one jet: the paper's formulas for a tagger and N, or the exact count of an exported run."""
    if list_taggers:
        require_only(context, "--list", "list_taggers", "json")
        _list(json)
        return
    if (tagger is None) == (run is None):
        raise ConfigError("name either a tagger (`tritag cost --list` shows them) or a run with --run")
    result: FormulaCost | CountedCost
    if run is not None:
        require_only(context, "--run", "run", "json")
        opened = open_run(run, needs=("weights.safetensors",), jets=False, suits=is_exact)
        from tritag.pipeline.cost import cost_run

        result = cost_run(opened)
    else:
        check_cost_name(str(tagger))
        from tritag.pipeline.cost import formula_cost

        result = formula_cost(str(tagger), constituents, precision)
    if json:
        print_json(result.as_dict())
    else:
        _print(result)


def _list(json: bool) -> None:
    from tritag.quant.measure.cost_taggers import cost_tagger_names

    if json:
        print_json(cost_tagger_names())
    else:
        print_result("\n".join(cost_tagger_names()))


def _print(result: FormulaCost | CountedCost) -> None:
    from rich.table import Table

    plain = result.as_dict()
    stages = cast("dict[str, Mapping[str, float]]", {**cast("dict[str, object]", plain["stages"]), "sum": plain})
    columns = [key for key in _COLUMNS if key in plain]
    table = Table("stage", *(_COLUMNS[key] for key in columns))
    for name, stage in stages.items():
        table.add_row(name, *(f"{stage.get(key, 0):,.10g}" for key in columns))
    print_table(table)
