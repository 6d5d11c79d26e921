"""Keys of what an exported file says of itself in the metadata of its model."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from onnx import ModelProto

from tritag.errors import ExportError
from tritag.structured import parse_json

METADATA_PROGRAMS = "tritag.programs"
METADATA_INPUTS = "tritag.input_grids"
METADATA_MODULES = "tritag.modules"
METADATA_OUTPUTS = "tritag.outputs"
METADATA_OUTPUT_SCALE = "tritag.output_scale"
METADATA_CANDIDATES = "tritag.candidates"


def set_metadata(model: ModelProto, key: str, value: object) -> None:
    """Add an entry, as JSON."""
    entry = model.metadata_props.add()
    entry.key, entry.value = key, json.dumps(value, separators=(",", ":"))


def metadata_of(metadata: Mapping[str, str], key: str, default: str = "") -> Any:
    """An entry, from JSON.

    Raises
    ------
    ExportError
        It is none.
    """
    return parse_json(metadata.get(key, default), f"metadata {key}", ExportError, "export the run again")
