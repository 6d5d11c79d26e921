"""The taggers that ship with tritag and how large they are, and the precisions that they can be trained with."""

from __future__ import annotations

from dataclasses import asdict, dataclass

from tritag.configs import build, load_config, precision_names
from tritag.files import JsonObject
from tritag.models.nets.macs import count_macs
from tritag.models.nets.registry import count_parameters, load_tagger_config, make_tagger, tagger_names
from tritag.quant.config import QuantConfig


@dataclass(frozen=True)
class TaggerSummary:
    """A tagger of the registry.

    Attributes
    ----------
    tagger : str
        Its name.
    parameters : int
        Trained parameters.
    constituents : int
        Leading constituents of a jet that it takes by default.
    macs : int
        Multiply-accumulates of one jet.
    summary : str
        What it is, in a line.
    """

    tagger: str
    parameters: int
    constituents: int
    macs: int
    summary: str

    def as_dict(self) -> JsonObject:
        """An entry of what ``tritag train --list --json`` prints."""
        return asdict(self)


def list_taggers() -> list[TaggerSummary]:
    """All taggers by name."""
    found = []
    for name in tagger_names():
        config = load_tagger_config(name)
        tagger = make_tagger(config)
        macs = count_macs(tagger, config.n_constituents, len(config.candidates.fields))
        found.append(TaggerSummary(name, count_parameters(tagger), config.n_constituents, macs, config.summary))
    return found


@dataclass(frozen=True)
class PrecisionSummary:
    """A precision that taggers can be trained with.

    Attributes
    ----------
    precision : str
        Its name.
    exact : bool
        Whether its taggers go to firmware bit by bit; False is for comparisons in floats.
    summary : str
        What it is, in a line.
    """

    precision: str
    exact: bool
    summary: str


def list_precisions() -> list[PrecisionSummary]:
    """All precisions by name, ``float`` first."""
    found = [PrecisionSummary("float", False, "float32")]
    for name in precision_names()[1:]:
        config = load_config("precisions", name)
        found.append(PrecisionSummary(name, build(QuantConfig, config["quant"]).exact, config["summary"]))
    return found
