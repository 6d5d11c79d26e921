"""Several jet files as one: class by class, split by split, or parts of one set; shuffled, with splits."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from tritag.data.jets.conventions import GridLosses
from tritag.data.jets.jets import TWO_CLASSES, UNKNOWN_LABEL, check_classes
from tritag.data.jets.spool import SpooledPart, spool
from tritag.data.jets.store import read_info
from tritag.data.readers.fields import FieldMap
from tritag.data.readers.formats import is_own_file, read_any_blocks
from tritag.data.simulation.config import SPLITS
from tritag.errors import DataError, short

# of the seed, so that no other use of it draws the same numbers
_JOIN_STREAM = 20


@dataclass(frozen=True)
class Source:
    """A file to join.

    Attributes
    ----------
    path : Path
    name : str
        Class of all its jets; empty where the file itself says it.
    split : str
        What its jets count as; empty where fractions or the file decide.
    """

    path: Path
    name: str = ""
    split: str = ""


@dataclass(frozen=True)
class Joined:
    """What was written: number of jets by split (``all`` without splits) and class, and what was left out."""

    counts: dict[str, dict[str, int]]
    notes: list[str] = field(default_factory=list)


def source_of(text: str, split: str = "") -> Source:
    """A file as the command line names it: a path, or ``CLASS=PATH`` where all its jets are of one class."""
    name, equals, path = text.partition("=")
    if equals and "/" not in name and not Path(text).exists():
        return Source(Path(path), check_classes([name], text)[0], split)
    return Source(Path(text), "", split)


def parse_fractions(text: str) -> tuple[float, float, float]:
    """Fractions of train, val and test, as ``0.8/0.1/0.1``.

    Raises
    ------
    DataError
        Not three numbers from 0 to 1 whose sum is 1.

    Examples
    --------
    >>> parse_fractions("0.8/0.1/0.1")
    (0.8, 0.1, 0.1)
    """
    try:
        train, val, test = (float(part) for part in text.split("/"))
    except ValueError as error:
        raise DataError(f"splits must be three fractions like 0.8/0.1/0.1, got {short(text)}; correct them") from error
    if not all(0 <= part <= 1 for part in (train, val, test)) or abs(train + val + test - 1) > 1e-9:
        raise DataError(f"splits must be fractions of train, val, test with the sum 1, got {short(text)}; correct them")
    return train, val, test


def join_files(
    sources: Sequence[Source],
    target: Path | str,
    *,
    fractions: tuple[float, float, float] | None = None,
    classes: Sequence[str] = (),
    mapping: FieldMap | None = None,
    n_max: int | None = None,
    seed: int = 1,
) -> Joined:
    """Write the jets of all files to ``target``, shuffled within each split.

    Splits are, in this order: what each source names; ``fractions``, of each class alike; or those that the files, of
    this project, have themselves. Without any of them the target has none.

    Parameters
    ----------
    classes : sequence of str
        Order of the classes; by default that in which the files bring them. Of two the second one is the signal.
    mapping : FieldMap, optional
        What the foreign files call their fields.
    n_max : int, optional
        At most this many jets of each file.
    seed : int
        Of the shuffling: equal files and seeds give an equal set.

    Raises
    ------
    DataError
        A file that cannot be read, that is given twice, or that holds the jets of another one; classes that cannot be
        put together; splits for some files alone; or a target that exists.
    """
    if Path(target).exists():
        raise DataError(f"the target must not exist yet, got {target}; remove it or choose another name")
    if seed < 0:
        raise DataError(f"seed must be >= 0, got {seed}; choose another")
    _check_sources(sources, fractions)
    notes: list[str] = []
    losses = GridLosses()
    with spool(target) as spooled:
        parts = [
            spooled.add(read_any_blocks(s.path, n_max, mapping, notes), lambda block: losses.add(block.pad()))
            for s in sources
        ]
        _refuse_equal(sources, parts)
        names = _class_order(sources, parts, classes)
        label = np.concatenate([_relabelled(s, p, names) for s, p in zip(sources, parts, strict=True)])
        notes += _left_out(parts)
        rng = np.random.default_rng(np.random.SeedSequence(seed, spawn_key=(_JOIN_STREAM,)))
        chosen = _split(sources, parts, label, fractions, rng)
        order = np.concatenate([rng.permutation(index) for index in chosen.values()])
        ends = np.cumsum([len(index) for index in chosen.values()])
        splits = {name: (int(e) - len(chosen[name]), int(e)) for name, e in zip(chosen, ends, strict=True) if name}
        if left := len(label) - len(order):
            notes.append(f"{left:,} jets are in no split of their files and are left out")
        settings = {
            "joined_from": [s.path.name for s in sources],
            **({"fractions": list(fractions)} if fractions else {}),
        }
        if sentence := losses.sentence():
            notes.append(sentence)
        counts = {name or "all": _counts(label[index], names) for name, index in chosen.items()}
        del chosen
        spooled.write(target, label, names, order, splits=splits, settings=settings, seed=seed)
    return Joined(counts, notes)


def _check_sources(sources: Sequence[Source], fractions: tuple[float, float, float] | None) -> None:
    if not sources:
        raise DataError("files to join must be given, got none; name them")
    resolved = [source.path.resolve() for source in sources]
    for source, path in zip(sources, resolved, strict=True):
        if resolved.count(path) > 1:
            raise DataError(f"each file must be given once, got {source.path} twice; its jets would count twice")
    with_split = [source for source in sources if source.split]
    if with_split and len(with_split) < len(sources):
        other = next(source for source in sources if not source.split)
        raise DataError(
            f"all files must be given with --train, --val or --test, or none, but {other.path} is not; give it a split"
        )
    if with_split and fractions:
        raise DataError("splits must be given by fractions or by files, got both; leave one out")


def _left_out(parts: Sequence[SpooledPart]) -> Iterator[str]:
    some_ids = ["pdg_id" in part.names for part in parts]
    if any(some_ids) and not all(some_ids):
        yield "PDG numbers of constituents are left out: not all files have them"
    columns = [part.columns for part in parts]
    if lost := sorted({name for some in columns for name in some if not all(name in other for other in columns)}):
        yield f"{', '.join(lost)} of constituents are left out: not all files have them"


def _refuse_equal(sources: Sequence[Source], parts: Sequence[SpooledPart]) -> None:
    """The same jets in two files would stand in training and test."""
    seen: dict[str, Path] = {}
    for source, part in zip(sources, parts, strict=True):
        if not len(part):
            continue
        if part.digest in seen:
            raise DataError(
                f"files must hold different jets, but {seen[part.digest]} and {source.path} hold the same; leave one "
                "out"
            )
        seen[part.digest] = source.path


def _class_order(sources: Sequence[Source], parts: Sequence[SpooledPart], classes: Sequence[str]) -> tuple[str, ...]:
    """Classes of the set."""
    found: list[str] = []
    for source, part in zip(sources, parts, strict=True):
        if source.name:
            if len(np.unique(part.label[part.label >= 0])) > 1:
                raise DataError(
                    f"{source.path} must hold one class to be called {source.name!r}, got several; leave the name out"
                )
            found.append(source.name)
        else:
            found.extend(part.classes)
    names = tuple(dict.fromkeys(found))
    if classes:
        if missing := [name for name in names if name not in classes]:
            raise DataError(f"classes must name all of the files' classes, but lack {', '.join(missing)}; add them")
        return check_classes(list(classes), "--classes")
    if set(TWO_CLASSES) < set(names):
        unnamed = [str(s.path) for s, p in zip(sources, parts, strict=True) if not s.name and p.classes == TWO_CLASSES]
        raise DataError(
            f"files must all name their classes, or none, but {', '.join(unnamed[:3])} only tell signal from "
            "background; give a file of one class as CLASS=FILE"
        )
    return names


def _relabelled(source: Source, part: SpooledPart, names: tuple[str, ...]) -> NDArray[np.int8]:
    """Labels that count the classes of the set."""
    if source.name:
        return np.full(len(part), names.index(source.name), np.int8)
    new = np.array([*(names.index(name) for name in part.classes), UNKNOWN_LABEL], np.int8)
    return new[part.label]  # -1, unknown, is the last one


def _split(
    sources: Sequence[Source],
    parts: Sequence[SpooledPart],
    label: NDArray[np.int8],
    fractions: tuple[float, float, float] | None,
    rng: np.random.Generator,
) -> dict[str, NDArray[np.int64]]:
    """Jets of each split; all under the empty name where there are no splits."""
    ends = np.cumsum([len(part) for part in parts])
    ranges = [(int(end) - len(part), int(end)) for part, end in zip(parts, ends, strict=True)]
    if sources[0].split:
        by_file = [(s.split, np.arange(*r)) for s, r in zip(sources, ranges, strict=True)]
        return _gathered(by_file)
    if fractions:
        cuts = []
        for value in np.unique(label):
            index = rng.permutation(np.flatnonzero(label == value))
            borders = np.rint(np.cumsum(fractions) * len(index)).astype(int)
            cuts += list(zip(SPLITS, np.split(index, borders[:-1]), strict=True))
        return _gathered(cuts)
    own: list[Mapping[str, tuple[int, int]]] = [
        read_info(source.path).splits if is_own_file(source.path) else {} for source in sources
    ]
    if any(own) and not all(own):
        without = next(source for source, splits in zip(sources, own, strict=True) if not splits)
        raise DataError(
            f"all files must have splits, or none, but {without.path} has none; give fractions with --splits, or files "
            "with --train, --val and --test"
        )
    if not any(own):
        return {"": np.arange(len(label))}
    inside = []
    for (start, stop), splits in zip(ranges, own, strict=True):
        inside += [(name, np.arange(start + a, min(start + b, stop))) for name, (a, b) in splits.items()]
    return _gathered(inside)


def _gathered(pieces: Sequence[tuple[str, NDArray[np.int64]]]) -> dict[str, NDArray[np.int64]]:
    given = {name: [index for other, index in pieces if other == name] for name in SPLITS}
    found = {name: np.concatenate(indices) for name, indices in given.items() if indices}
    return {name: index for name, index in found.items() if len(index)}


def _counts(label: NDArray[np.int8], names: tuple[str, ...]) -> dict[str, int]:
    counts = {name: int(np.sum(label == i)) for i, name in enumerate(names)}
    unknown = int(np.sum(label == UNKNOWN_LABEL))
    return counts | ({"unknown": unknown} if unknown else {})
