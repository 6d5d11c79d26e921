"""What a foreign file calls the fields that make a jet: the map from its names to ours.

A candidate is given by pt, eta, phi (and mass or energy) or by px, py, pz (and energy or mass); without either it is
massless. What else is known of the candidates, ``columns``, keeps the names that grids ask for (docs/grids.md).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from tritag.configs import build
from tritag.errors import ConfigError, DataError, printable, short, unknown_name
from tritag.structured import read_yaml

CANDIDATE_FIELDS = ("pt", "eta", "phi", "mass", "energy", "px", "py", "pz")
COLUMN = "column:"
JET_FIELDS = ("label", "count", "jet")
UNITS_GEV = {"GeV": 1.0, "MeV": 1e-3, "TeV": 1e3}
_EXAMPLE = "for example --map pt=jet_pfcand_pt --map eta=jet_pfcand_eta --map phi=jet_pfcand_phi"


@dataclass(frozen=True)
class FieldMap:
    """Names in a foreign file.

    Attributes
    ----------
    pt, eta, phi, mass, energy, px, py, pz : str
        Branches or columns of the candidates; empty for what is not there.
    label : str
        Branch of the class of each jet: whole numbers that count ``classes``, or their names.
    count : str
        Branch with the number of candidates, where lists are padded.
    jet : str
        Column of a table that numbers the jets, one row a candidate.
    classes : tuple of str
        Names that ``label`` counts.
    flags : dict
        Name of a class to the branch that is set for its jets, instead of ``label``.
    columns : dict
        Name of a column of candidates beside the momenta (``z0_cm``, as a grid names its source) to its branch.
    tree : str
        TTree or RNTuple of a ROOT file; may be left out where there is one.
    unit : "GeV", "MeV" or "TeV"
        Of momenta, energies and masses.
    """

    pt: str = ""
    eta: str = ""
    phi: str = ""
    mass: str = ""
    energy: str = ""
    px: str = ""
    py: str = ""
    pz: str = ""
    label: str = ""
    count: str = ""
    jet: str = ""
    classes: tuple[str, ...] = ()
    flags: dict[str, str] = field(default_factory=dict)
    columns: dict[str, str] = field(default_factory=dict)
    tree: str = ""
    unit: Literal["GeV", "MeV", "TeV"] = "GeV"

    def __post_init__(self) -> None:
        polar, plain = all((self.pt, self.eta, self.phi)), all((self.px, self.py, self.pz))
        mixed = any((self.pt, self.eta, self.phi)) and any((self.px, self.py, self.pz))
        if polar == plain or mixed:
            raise ConfigError(
                f"a map must name either pt, eta and phi or px, py and pz of the candidates, got "
                f"{', '.join(self.candidates) or 'none of them'}; {_EXAMPLE}"
            )
        if self.label and self.flags:
            raise ConfigError("a map must name either label or flags, got both; leave one out")
        if not isinstance(self.flags, Mapping) or not all(isinstance(x, str) for x in self.flags.values()):
            raise ConfigError(f"flags of a map must give each class its branch, got {short(self.flags)}; correct it")
        if not isinstance(self.columns, Mapping) or not all(
            isinstance(x, str) and str(name).isidentifier() for name, x in self.columns.items()
        ):
            raise ConfigError(f"columns of a map must give names like z0_cm their branch, got {short(self.columns)}")

    @property
    def candidates(self) -> dict[str, str]:
        """Ours to theirs, of the fields of candidates that are there; columns under the names ``column:<name>``."""
        plain = {name: getattr(self, name) for name in CANDIDATE_FIELDS if getattr(self, name)}
        return plain | {f"{COLUMN}{name}": branch for name, branch in self.columns.items()}

    @property
    def jets(self) -> dict[str, str]:
        """Ours to theirs, of the fields of jets that are there; flags under the names ``flag:<class>``."""
        plain = {name: getattr(self, name) for name in ("label", "count") if getattr(self, name)}
        return plain | {f"flag:{name}": branch for name, branch in self.flags.items()}

    @property
    def unit_gev(self) -> float:
        """Size of the unit in GeV."""
        return UNITS_GEV[self.unit]


def parse_map(items: Sequence[str]) -> FieldMap | None:
    """A map as the command line gives it: a YAML file, or texts like ``pt=jet_pfcand_pt eta=jet_pfcand_eta``.

    ``classes=g,q`` names the classes that ``label`` counts; ``flags.g=is_gluon`` the flag of a class;
    ``columns.z0_cm=cand_z0`` a column beside the momenta.

    Raises
    ------
    ConfigError
        An unknown name, one that is given twice, or too few for a jet.
    """
    words = [word for item in items for word in item.replace(",", " ").split()] if items else []
    if not words:
        return None
    if len(items) == 1 and items[0].endswith((".yaml", ".yml")):
        loaded = read_yaml(Path(items[0]))
        if not isinstance(loaded, dict):
            raise ConfigError(f"{items[0]} must map names, got {short(loaded)}; {_EXAMPLE}")
        return build(FieldMap, loaded, f"map {items[0]}")
    values: dict[str, object] = {}
    named: dict[str, dict[str, str]] = {"flags": {}, "columns": {}}
    last = ""
    for word in words:
        key, equals, value = word.partition("=")
        if not equals and last == "classes":  # classes=g,q
            values["classes"] = [*values["classes"], key]  # type: ignore[misc]
            continue
        if not equals or not value:
            raise ConfigError(f"--map takes name=branch or one YAML file, got {short(word)}; {_EXAMPLE}")
        kind, _, name = key.partition(".")
        if key in values or name in named.get(kind, {}):
            raise ConfigError(f"--map must give each name once, got {short(key)} twice; leave one out")
        last = key
        if kind in named and name:
            named[kind][name] = value
        elif key == "classes":
            values["classes"] = [value]
        else:
            values[key] = value
    return build(FieldMap, {**values, **{kind: names for kind, names in named.items() if names}}, "--map")


def note_left_out(notes: list[str] | None, path: Path | str, found: Iterable[str], read: Iterable[str]) -> None:
    """Add one sentence about what a file holds and is not read."""
    left = sorted(set(found) - set(read))
    if left and notes is not None:
        more = f" and {len(left) - 8} more" if len(left) > 8 else ""
        notes.append(f"{Path(path).name}: not read are {', '.join(map(printable, left[:8]))}{more}")


def require_names(names: Sequence[str], found: Sequence[str], where: str) -> None:
    """Raise unless a file has all of the ``names`` that a map gives.

    Raises
    ------
    DataError
        The message offers the nearest one that is there.
    """
    for name in names:
        if name not in found:
            shown = list(found) if len(found) <= 40 else [*found[:40]]
            raise DataError(f"{where}: {unknown_name('branch or column', name, shown)}; correct the map (--map)")
