"""The one writer and the one reader of ONNX files: sealed, bounded, self-contained, and closed against damage."""

from __future__ import annotations

from pathlib import Path

import onnx
from onnx import ModelProto, TensorProto

from tritag.closed import closed, require_file
from tritag.errors import ExportError
from tritag.files import atomic_path
from tritag.seals import check_seal, digest_of

# protobuf's own limit is 2 GiB; a tagger of this project takes some hundred kB
MODEL_BYTES_MAX = 256 << 20
_AGAIN = "export the run again"


_SEAL = "tritag.sha256"


def write_model(path: Path | str, model: ModelProto) -> None:
    """Write an exported file atomically, with the digest of its content among its metadata."""
    sealed = ModelProto()
    sealed.CopyFrom(model)
    entry = sealed.metadata_props.add()
    entry.key, entry.value = _SEAL, _digest(model)
    with atomic_path(path) as temporary:
        onnx.save(sealed, str(temporary))


def _digest(model: ModelProto) -> str:
    """Digest of everything but the seal."""
    bare = ModelProto()
    bare.CopyFrom(model)
    kept = [p for p in model.metadata_props if p.key != _SEAL]
    del bare.metadata_props[:]
    bare.metadata_props.extend(kept)
    return digest_of([bare.SerializeToString(deterministic=True)])


def read_model(path: Path | str) -> ModelProto:
    """Read an ONNX file without looking at any other file.

    Raises
    ------
    ExportError
        No such file, no ONNX, over 256 MiB, constants that lie in other files, or a content that is not that of the
        digest in it.
    """
    path = Path(path)
    require_file(path, ExportError, _AGAIN)
    with closed(path, ExportError, "a whole ONNX file", _AGAIN):
        if (size := path.stat().st_size) > MODEL_BYTES_MAX:
            raise ExportError(f"{path} must be at most {MODEL_BYTES_MAX:,} bytes, got {size:,}; {_AGAIN}")
        model = onnx.load(path, load_external_data=False)
        if not model.graph.output:
            raise ExportError(f"{path} must be a whole ONNX file, but it has no output; {_AGAIN}")
        for tensor in model.graph.initializer:
            if tensor.data_location == TensorProto.EXTERNAL or tensor.external_data:
                raise ExportError(
                    f"{path} must hold its own constants, but {tensor.name!r} lies in another file; {_AGAIN}"
                )
        found = next((p.value for p in model.metadata_props if p.key == _SEAL), None)
        check_seal(found, _digest(model), path, ExportError, _AGAIN)
    return model
