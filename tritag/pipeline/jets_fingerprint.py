"""What a fingerprint says of the jets of a training: their digests, split by split."""

from __future__ import annotations

from pathlib import Path
from typing import NotRequired, TypedDict

from tritag.pipeline.names import names_configuration


class JetsPart(TypedDict):
    """The jets of a training: digests by split, and of the settings of a data configuration, where it is one."""

    splits: dict[str, str]
    settings: NotRequired[str]


def describe_jets(data: str) -> JetsPart:
    """Digests of the jets that ``data`` names: a data configuration, or a jet file; none of a file that is missing."""
    from tritag.data.jets.identity import jet_digests
    from tritag.data.readers.formats import is_own_file

    if not names_configuration(data):
        return {"splits": jet_digests(data, is_own_file(data)) if Path(data).is_file() else {}}
    from tritag.configs import digest
    from tritag.data.simulation.config import load_data_config
    from tritag.data.simulation.generate import default_path

    config = load_data_config(data)
    made = default_path(data, config)
    return {"splits": jet_digests(made, own=True) if made.is_file() else {}, "settings": digest(config.settings())}


def changed_jets(data: str, recorded: JetsPart) -> list[str]:
    """What has changed of ``data`` since it was recorded: a phrase, or nothing."""
    if names_configuration(data) and data.endswith((".yaml", ".yml")) and not Path(data).is_file():
        return []
    now = describe_jets(data)
    if recorded.get("settings") != now.get("settings"):
        return [f"the data configuration {data} changed"]
    if not recorded["splits"] or not now["splits"]:
        return []
    names = sorted(recorded["splits"] | now["splits"])
    changed = [name for name in names if recorded["splits"].get(name) != now["splits"].get(name)]
    return [f"the content of {data} ({', '.join(changed)}) changed"] if changed else []
