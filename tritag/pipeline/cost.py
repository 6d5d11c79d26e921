"""Cost of a tagger for one jet: by the paper's formulas, or counted on the graph that is exported."""

from __future__ import annotations

from dataclasses import dataclass

from tritag.errors import ExportError, RunError
from tritag.export.cost import count_cost
from tritag.export.graph import read_graph
from tritag.export.qonnx_file import export_model
from tritag.files import JsonObject, write_json
from tritag.pipeline.export import exact
from tritag.pipeline.fingerprint import changes, record_step, summary
from tritag.pipeline.opened import OpenedRun, writing
from tritag.quant.measure.cost import Cost, cost_by_stage, total_cost
from tritag.quant.measure.cost_taggers import cost_sizes
from tritag.quant.simulated.tagger import why_not_exact
from tritag.terminal import print_progress


@dataclass(frozen=True)
class FormulaCost:
    """Cost of a tagger by formula.

    Attributes
    ----------
    tagger : str
        Its name.
    constituents : int
        Constituents N of the jet.
    precision : str
        Of the numbers, as ``tritag cost --help`` lists them.
    total : Cost
        MACs, bit operations, energy in pJ and weight bits of one jet.
    stages : dict
        The same by stage.
    """

    tagger: str
    constituents: int
    precision: str
    total: Cost
    stages: dict[str, Cost]

    def as_dict(self) -> JsonObject:
        """What ``tritag cost --json`` prints."""
        return {
            "tagger": self.tagger,
            "constituents": self.constituents,
            "precision": self.precision,
            **self.total.as_dict(),
            "stages": {name: cost.as_dict() for name, cost in self.stages.items()},
        }


@dataclass(frozen=True)
class CountedCost:
    """Cost of an exported tagger, counted on its graph.

    Attributes
    ----------
    run : OpenedRun
        The run.
    counts : dict
        Content of ``cost.json`` (:func:`tritag.export.cost.count_cost`): sums of one jet, and ``stages``.
    """

    run: OpenedRun
    counts: JsonObject

    def as_dict(self) -> JsonObject:
        """What ``tritag cost --json`` prints: the run's name and the counts."""
        return {"run": self.run.name, **self.counts}


def formula_cost(tagger: str, constituents: int = 30, precision: str = "int8") -> FormulaCost:
    """Cost of a tagger by the paper's formulas.

    Raises
    ------
    ConfigError
        An unknown tagger or precision, or a network without a formula.
    """
    sizes = cost_sizes(tagger)
    stages = cost_by_stage(sizes, constituents, precision)
    return FormulaCost(tagger, constituents, precision, total_cost(sizes, constituents, precision), stages)


def cost_run(opened: OpenedRun) -> CountedCost:
    """Count the cost of a trained run on the graph that is exported of it; kept in ``cost.json``.

    Raises
    ------
    ExportError
        The recipe has no exact form.
    RunError
        The run is not trained to its end.
    """
    kept, _ = _kept(opened)  # reading needs no lock, and no place to write one
    if kept is not None:
        return CountedCost(opened, kept)
    with writing(opened.run):
        kept, again = _kept(opened)  # another command may have counted meanwhile
        if kept is None:
            if again:
                print_progress(f"{again}; cost.json is counted again")
            kept = _counted(opened)
            record_step(opened.run, "cost")
            write_json(opened.run.path("cost.json"), kept)  # last: it says that the step was done
        return CountedCost(opened, kept)


def _kept(opened: OpenedRun) -> tuple[JsonObject | None, str]:
    """Counts of before; where they are there, but must be counted again, None and why."""
    if not opened.run.path("cost.json").is_file():
        return None, ""
    try:
        kept: JsonObject = opened.run.read_json("cost.json")
    except RunError as error:
        return None, str(error)
    if (found := changes(opened.run, "cost")) is None:
        return None, f"{opened.name}: an older tritag counted its cost"
    if found:
        return None, f"{opened.name}: {summary(found)} since its cost was counted"
    return kept, ""


def _counted(opened: OpenedRun) -> JsonObject:
    run, quant = opened.run, opened.recipe.quant
    run.require("weights.safetensors")
    if quant is None or not quant.exact:
        reason = "the run is float" if quant is None else why_not_exact(quant)
        raise ExportError(f"costs are counted on exported graphs, but {reason}")
    return count_cost(read_graph(export_model(exact(opened.tagger()))))
