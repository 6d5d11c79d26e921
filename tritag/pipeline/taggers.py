"""The taggers that ship with tritag, and how large they are."""

from __future__ import annotations

from dataclasses import asdict, dataclass

from tritag.files import JsonObject
from tritag.models.nets.macs import count_macs
from tritag.models.nets.registry import count_parameters, load_tagger_config, make_tagger, tagger_names


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
