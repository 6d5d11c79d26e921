"""Copy jets of any known file into this project's format."""

from __future__ import annotations

from pathlib import Path

from tritag import advice
from tritag.data.jets.conventions import GridLosses
from tritag.data.jets.spool import spool
from tritag.data.jets.store import read_info
from tritag.data.readers.fields import FieldMap
from tritag.data.readers.formats import is_own_file, read_any_blocks
from tritag.data.simulation.config import SPLITS
from tritag.errors import DataError, unknown_name


def convert_jets(
    source: Path | str,
    target: Path | str,
    *,
    n_max: int | None = None,
    n_leading: int | None = None,
    split: str | None = None,
    mapping: FieldMap | None = None,
    notes: list[str] | None = None,
) -> int:
    """Write the jets of ``source`` to ``target`` and return their number.

    Constituents become massless: three momentum components are kept.

    Parameters
    ----------
    n_max : int, optional
        Only the first jets.
    n_leading : int, optional
        Only the leading constituents of each jet.
    split : str, optional
        "train", "val" or "test": what all jets of the target count as. By default the splits of ``source`` are kept
        when it has some and is copied whole.
    mapping : FieldMap, optional
        What ``source`` calls the fields.
    notes : list of str, optional
        Gets a sentence each about what is not read or kept, and about what the trigger's grid will clip or drop.

    Raises
    ------
    DataError
        ``source`` cannot be read, ``target`` exists, or an unknown split.
    TritagError
        ``target`` cannot be written.
    """
    if split is not None and split not in SPLITS:
        raise DataError(unknown_name("split", split, SPLITS))
    if n_leading is not None and n_leading < 1:
        raise DataError(f"n_leading must be >= 1, got {n_leading}; leave it out to keep all constituents")
    if Path(target).exists():
        raise DataError(f"the target must not exist yet, got {target}; remove it or choose another name")
    own = read_info(source) if is_own_file(source) else None
    losses = GridLosses()
    with spool(target) as spooled:
        blocks = read_any_blocks(source, n_max, mapping, notes)
        if n_leading is not None:
            blocks = (block.leading(n_leading) for block in blocks)
        part = spooled.add(blocks, None if notes is None else lambda block: losses.add(block.pad()))
        if notes is not None and (sentence := losses.sentence()):
            notes.append(sentence)
        if own is None:
            seed, settings, versions = None, {"converted_from": Path(source).name}, {}
        else:
            seed, settings, versions = own.seed, own.settings, own.versions
        splits = own.splits if own is not None and len(part) == own.n_jets else {}
        if split is not None:
            splits = {split: (0, len(part))}
        elif own is not None and own.splits and not splits and notes is not None:
            names = ", ".join(name for name, _ in sorted(own.splits.items(), key=lambda item: item[1]))
            again = advice.command("data", "join", target, "--splits", "0.8/0.1/0.1", "--out", _beside(Path(target)))
            notes.append(
                f"the splits {names} are left out, since {len(part):,} of {own.n_jets:,} jets are "
                f"copied; {again} makes new ones"
            )
        spooled.write(target, part.label, part.classes, splits=splits, settings=settings, versions=versions, seed=seed)
    return len(part)


def _beside(path: Path) -> Path:
    return path.with_stem(f"{path.stem}-with-splits")
