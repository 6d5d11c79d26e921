"""The one reader of ONNX files: bounded, self-contained, and closed against damage."""

from __future__ import annotations

from pathlib import Path

import onnx
from onnx import ModelProto, TensorProto

from tritag.closed import closed, require_file
from tritag.errors import ExportError

# protobuf's own limit is 2 GiB; a tagger of this project takes some hundred kB
MODEL_BYTES_MAX = 256 << 20
_AGAIN = "export the run again"


def read_model(path: Path | str) -> ModelProto:
    """Read an ONNX file without looking at any other file.

    Raises
    ------
    ExportError
        No such file, no ONNX, over 256 MiB, or constants that lie in other files.
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
    return model
