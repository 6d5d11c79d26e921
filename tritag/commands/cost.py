"""``tritag cost``: MACs, bit operations, energy and weight bits of a tagger, by formula or counted on its graph."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from tritag.errors import ConfigError
from tritag.terminal import print_json, print_result

_COLUMNS = {
    "macs": "MACs",
    "bit_operations": "bit operations",
    "effective_bit_operations": "effective bit operations",
    "energy_pj": "energy (pJ)",
    "weight_bits": "weight bits",
    "table_bits": "table bits",
}


def command(
    tagger: Annotated[str | None, typer.Argument(help="A name from --list, or a YAML file.")] = None,
    constituents: Annotated[int, typer.Option("--constituents", "-K", help="Constituents N of a jet.")] = 30,
    precision: Annotated[str, typer.Option(help="f32, f16, bf16, f8, int8, f8-ternary, int8-ternary.")] = "int8",
    run: Annotated[str | None, typer.Option(help="Count an exported run's graph instead of a formula.")] = None,
    list_taggers: Annotated[bool, typer.Option("--list", help="List the taggers with a formula and stop.")] = False,
    json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Print the cost of one jet: the paper's formulas for a tagger and N, or the exact count of an exported run."""
    from tritag.quant.measure.cost_taggers import cost_tagger_names

    if list_taggers:
        if json:
            print_json(cost_tagger_names())
        else:
            print_result("\n".join(cost_tagger_names()))
        return
    if (tagger is None) == (run is None):
        raise ConfigError("name either a tagger (`tritag cost --list` shows them) or a run with --run")
    result = _measured(run) if run is not None else _formula(str(tagger), constituents, precision)
    if json:
        print_json(result)
    else:
        _print(result)


def _formula(tagger: str, constituents: int, precision: str) -> dict[str, Any]:
    from tritag.quant.measure.cost import cost_by_stage, total_cost
    from tritag.quant.measure.cost_taggers import cost_sizes

    sizes = cost_sizes(tagger)
    stages = cost_by_stage(sizes, constituents, precision)
    return {
        "tagger": tagger,
        "constituents": constituents,
        "precision": precision,
        **total_cost(sizes, constituents, precision).as_dict(),
        "stages": {name: cost.as_dict() for name, cost in stages.items()},
    }


def _measured(where: str) -> dict[str, Any]:
    from tritag.commands.train import open_run

    run, recipe = open_run(where)
    return {"run": run.directory.name, **cost_run(run, recipe)}


def cost_run(run: Any, recipe: Any) -> dict[str, Any]:
    """Count the cost of a trained run on the graph that is exported of it; kept in ``cost.json``.

    Raises
    ------
    ExportError
        The recipe has no exact form.
    """
    import json

    from tritag.errors import ExportError
    from tritag.export.cost import count_cost
    from tritag.export.graph import read_graph
    from tritag.export.qonnx_file import export_model
    from tritag.files import write_json
    from tritag.quant.recipe import trained_tagger
    from tritag.quant.simulated.tagger import why_not_exact

    if run.path("cost.json").is_file():
        return json.loads(run.path("cost.json").read_text())
    weights = run.require("weights.safetensors")
    if recipe.quant is None or not recipe.quant.exact:
        reason = "the run is float" if recipe.quant is None else why_not_exact(recipe.quant)
        raise ExportError(f"costs are counted on exported graphs, but {reason}")
    cost = count_cost(read_graph(export_model(trained_tagger(recipe, weights))))  # type: ignore[arg-type]
    write_json(run.path("cost.json"), cost)
    return cost


def _print(result: dict[str, Any]) -> None:
    from rich.console import Console
    from rich.table import Table

    stages = {**result["stages"], "sum": result}
    columns = [key for key in _COLUMNS if key in result]
    table = Table("stage", *(_COLUMNS[key] for key in columns))
    for name, stage in stages.items():
        table.add_row(name, *(f"{stage.get(key, 0):,.10g}" for key in columns))
    Console().print(table)
