"""JSON and YAML that people and programs wrote, read in one way: bounded, without duplicate keys, as UTF-8.

Everything that can be wrong with such a text is one error of the class that the caller names, with the file, the place
in it, and what to do.
"""

from __future__ import annotations

import json
from collections.abc import Hashable
from pathlib import Path
from typing import Any

import yaml

from tritag.closed import closed, require_file
from tritag.errors import ConfigError, RunError, TritagError, one_line, short
from tritag.numbers_as_written import FIRST_OF_NUMBER, NUMBER, number_of
from tritag.seals import unseal_json

# settings are a few kB; PyYAML takes a second for 30 kB of them
YAML_BYTES_MAX = 100_000
YAML_NODES_MAX = 20_000
YAML_DEPTH_MAX = 40
# Python's objects take up to 20 times the text
JSON_BYTES_MAX = 64_000_000


class SettingsLoader(yaml.SafeLoader):
    """YAML as settings are written: no key twice, no node that holds itself, bounded when all aliases are expanded."""

    def get_single_node(self) -> Any:
        """Compose the one document of the text and check it, before anything is made of it."""
        node = super().get_single_node()
        if node is not None:
            _size(node, {}, 0)
        return node


def _number(loader: SettingsLoader, node: yaml.ScalarNode) -> int | float | None:
    return number_of(node.value)


# Numbers are resolved by our own rule, before YAML's others (dates, words for true and false).
_RESOLVERS = {
    first: [(tag, rule) for tag, rule in rules if not tag.endswith((":int", ":float"))]
    for first, rules in yaml.SafeLoader.yaml_implicit_resolvers.items()
}
SettingsLoader.yaml_implicit_resolvers = {
    first: [("tag:tritag:number", NUMBER), *_RESOLVERS.get(first, [])] if first in FIRST_OF_NUMBER else rules
    for first, rules in {**{sign: [] for sign in FIRST_OF_NUMBER}, **_RESOLVERS}.items()
}
SettingsLoader.add_constructor("tag:tritag:number", _number)


class _SettingsDumper(yaml.SafeDumper):
    """Puts words into quotes that :class:`SettingsLoader`, or any other reader of YAML, takes for a number."""


for _first in FIRST_OF_NUMBER:
    _SettingsDumper.add_implicit_resolver("tag:tritag:number", NUMBER, [_first])


def dump_yaml(content: Any) -> str:
    """Text of plain settings as YAML, keys in their order, that :func:`parse_yaml` reads back as they were."""
    return yaml.dump(content, Dumper=_SettingsDumper, sort_keys=False, allow_unicode=True)


def _size(node: yaml.Node, known: dict[int, int], depth: int) -> int:
    """Nodes below ``node``, aliases expanded: eight lines of aliases can stand for a hundred million."""
    size = known.get(id(node))
    if size == 0:
        raise yaml.MarkedYAMLError(problem="a node must not hold itself", problem_mark=node.start_mark)
    if size is not None:
        return size
    if depth > YAML_DEPTH_MAX:
        raise yaml.MarkedYAMLError(problem=f"nested over {YAML_DEPTH_MAX} deep", problem_mark=node.start_mark)
    known[id(node)] = 0
    size = 1
    if isinstance(node, yaml.MappingNode):
        _no_key_twice(node)
        children = [child for pair in node.value for child in pair]
    else:
        children = node.value if isinstance(node, yaml.SequenceNode) else []
    for child in children:
        size += _size(child, known, depth + 1)
    if size > YAML_NODES_MAX:
        raise yaml.MarkedYAMLError(
            problem=f"more than {YAML_NODES_MAX} values when aliases are expanded", problem_mark=node.start_mark
        )
    known[id(node)] = size
    return size


def _no_key_twice(node: yaml.MappingNode) -> None:
    seen: set[Hashable] = set()
    for key, _ in node.value:
        if isinstance(key, yaml.ScalarNode):
            if (key.tag, key.value) in seen:
                raise yaml.MarkedYAMLError(
                    problem=f"the key {short(key.value)} must stand once, it stands twice", problem_mark=key.start_mark
                )
            seen.add((key.tag, key.value))


def parse_yaml(
    text: str, where: Path | str, kind: type[TritagError] = ConfigError, advice: str = "correct it there"
) -> Any:
    """What a YAML text holds.

    Parameters
    ----------
    text : str
    where : Path or str
        Named in the message: a file, or an option of the command line.
    kind : subclass of TritagError
        What is raised.

    Raises
    ------
    TritagError
        Of the class ``kind``: no YAML, a key twice, over 100 kB, over 20 000 values or 40 levels deep (aliases
        expanded).
    """
    if len(text) > YAML_BYTES_MAX:
        raise kind(f"{where} must be at most {YAML_BYTES_MAX:,} characters, got {len(text):,}; {advice}")
    with closed(where, kind, "YAML", advice):
        try:
            return yaml.load(text, SettingsLoader)
        except yaml.MarkedYAMLError as error:
            mark = error.problem_mark
            place = f" in line {mark.line + 1}, column {mark.column + 1}" if mark else ""
            raise kind(f"{where} must be YAML: {one_line(error.problem or str(error))}{place}; {advice}") from error


def read_yaml(path: Path | str, kind: type[TritagError] = ConfigError, advice: str = "check the file") -> Any:
    """What a YAML file holds.

    Raises
    ------
    TritagError
        Of the class ``kind``: no file, not UTF-8, or as in :func:`parse_yaml`.
    """
    return parse_yaml(read_text(path, kind, "YAML", YAML_BYTES_MAX, advice, "configuration file"), path, kind, advice)


def parse_json(text: str, where: Path | str, kind: type[TritagError], advice: str) -> Any:
    """What a JSON text holds.

    Raises
    ------
    TritagError
        Of the class ``kind``: no JSON, a key twice, nested too deeply, or over 64 MB.
    """
    if len(text) > JSON_BYTES_MAX:
        raise kind(f"{where} must be at most {JSON_BYTES_MAX:,} characters, got {len(text):,}; {advice}")
    try:
        return json.loads(text, object_pairs_hook=_mapping)
    except RecursionError as error:
        raise kind(f"{where} must be JSON, but it is nested too deeply; {advice}") from error
    except (ValueError, MemoryError) as error:
        reason = one_line(str(error)) or type(error).__name__
        raise kind(f"{where} must be JSON, but it is damaged ({reason}); {advice}") from error


def _mapping(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    mapping = dict(pairs)
    if len(mapping) != len(pairs):
        seen: set[str] = set()
        twice = next(key for key, _ in pairs if key in seen or seen.add(key))  # type: ignore[func-returns-value]
        raise ValueError(f"the key {short(twice)} must stand once, it stands twice")
    return mapping


def read_json(path: Path | str, kind: type[TritagError], advice: str) -> Any:
    """What a JSON file that tritag wrote (:func:`tritag.files.write_json`) holds, without its digest.

    Raises
    ------
    TritagError
        Of the class ``kind``: no file, not UTF-8, as in :func:`parse_json`, or not what its digest says.
    """
    sealed = parse_json(read_text(path, kind, "JSON", JSON_BYTES_MAX, advice), path, kind, advice)
    return unseal_json(sealed, path, kind, advice)


def read_json_if_there(path: Path) -> Any:
    """Content of a JSON file that a step may have written; None where it is missing.

    Raises
    ------
    RunError
        As in :func:`read_json`.
    """
    advice = "remove it and run the step that writes it again"
    return read_json(path, RunError, advice) if path.is_file() else None


def read_text(
    path: Path | str, kind: type[TritagError], must: str, bytes_max: int, advice: str, what: str = "file"
) -> str:
    """Text of a UTF-8 file of at most ``bytes_max`` bytes.

    Raises
    ------
    TritagError
        Of the class ``kind``; the message names the place of what is not UTF-8.
    """
    path = Path(path)
    require_file(path, kind, advice, what)
    with closed(path, kind, must, advice), path.open("rb") as file:
        content = file.read(bytes_max + 1)
    if len(content) > bytes_max:
        raise kind(f"{path} must be {must} of at most {bytes_max:,} bytes, but it is larger; {advice}")
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        raise kind(
            f"{path} must be {must} in UTF-8, but byte {content[error.start]:#04x} in line {line} is not; {advice}"
        ) from error
