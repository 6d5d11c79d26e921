"""What stock hls4ml makes of the same models: ``python -m benchmarks.stock_hls4ml [CASE...]``.

Each case gives a model to hls4ml's own converters, with the settings that its documentation advises: tritag's exported
file of ``zoo:transformer-2k``; the same float transformer as a PyTorch module; a float MLP; and three plain Brevitas
networks as QONNX. Where hls4ml converts, its C++ is compiled by g++ and given inputs at random over the grid of the
file's first quantizer. A line says of how many inputs the answer is another integer of the output grid, and by how much
at most; tritag's C++ of the same file stands beside it. docs/hls4ml-users.md shows the lines.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import torch
from torch import nn

import tritag
from tests.helpers.foreign import DeepSets, Mlp, Transformer, exported
from tritag.export.executors import OnnxRuntimeExecutor
from tritag.export.feature_vectors import random_features
from tritag.export.graph import read_graph
from tritag.export.importing.importer import import_model
from tritag.export.importing.original import compared, qonnx_runner, real_inputs
from tritag.export.model_file import read_model
from tritag.hls_projects.csim import CsimExecutor, compile_project
from tritag.hls_projects.target import load_target
from tritag.models.nets.registry import load_tagger_config, make_tagger
from tritag.noise import quiet
from tritag.terminal import print_result

TAGGER = "transformer-2k"
INPUTS, CANDIDATES = 1000, 8
# Wide enough for every number in these networks: what then differs is not the width.
PRECISION = "ap_fixed<32,16>"


def stock(convert: Callable[[str], Any]) -> Any:
    """The compiled model that hls4ml makes; what it prints goes to a file in its folder."""
    folder = tempfile.mkdtemp(prefix="stock_hls4ml_")
    with quiet(Path(folder) / "log"), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        model = convert(f"{folder}/project")
        model.compile()
    return model


def of_onnx(model: onnx.ModelProto, out: str) -> Any:
    """hls4ml's model of an ONNX file that qonnx has cleaned."""
    from hls4ml.converters import convert_from_onnx_model
    from hls4ml.utils.config import config_from_onnx_model
    from qonnx.core.modelwrapper import ModelWrapper
    from qonnx.transformation.channels_last import ConvertToChannelsLastAndClean
    from qonnx.transformation.gemm_to_matmul import GemmToMatMul
    from qonnx.util.cleanup import cleanup_model

    wrapped = cleanup_model(ModelWrapper(model))
    wrapped = cleanup_model(wrapped.transform(ConvertToChannelsLastAndClean()).transform(GemmToMatMul()))
    settings = config_from_onnx_model(wrapped, granularity="name", backend="Vitis", default_precision=PRECISION)
    return convert_from_onnx_model(wrapped, hls_config=settings, output_dir=out, backend="Vitis")


def of_torch(network: nn.Module, shapes: list[tuple[None, *tuple[int, ...]]], out: str) -> Any:
    """hls4ml's model of a PyTorch module."""
    from hls4ml.converters import convert_from_pytorch_model
    from hls4ml.utils.config import config_from_pytorch_model

    settings = config_from_pytorch_model(
        network, shapes, granularity="name", backend="Vitis", default_precision=PRECISION
    )
    return convert_from_pytorch_model(network, hls_config=settings, output_dir=out, backend="Vitis")


def foreign(network: nn.Module, *shape: int) -> str:
    """Integers of a Brevitas network in stock hls4ml's C++ and in tritag's, against the file in qonnx."""
    model = exported(network, *shape)
    imported = import_model(model, {})
    graph = read_graph(imported.model)
    inputs = random_features(graph, INPUTS)
    answers = OnnxRuntimeExecutor(graph, imported.model).run(*inputs)
    constants = {i.name for i in model.graph.initializer}
    (name,) = (v.name for v in model.graph.input if v.name not in constants)
    feeds = real_inputs(imported, dict(zip(graph.inputs, inputs, strict=True)), {name: shape})
    ours = CsimExecutor(graph, compile_project(graph, load_target())).run(*inputs)
    differ = int((ours != answers).reshape(INPUTS, -1).any(axis=1).sum())
    lines = [str(compared(imported, "qonnx", qonnx_runner(model, imported.final), feeds, answers, graph.output_lsb))]
    lines.append(f"tritag's C++: {differ} of {INPUTS:,} inputs differ")
    theirs = stock(lambda out: of_onnx(model, out))

    def run(given: dict[str, np.ndarray]) -> np.ndarray:
        return np.asarray(theirs.predict(np.ascontiguousarray(given[name]))).reshape(len(given[name]), -1)

    lines.append(str(compared(imported, "stock hls4ml's C++", run, feeds, answers, graph.output_lsb)))
    lines.append(f"the outputs spread over {np.ptp(answers):,} LSB")
    return "; ".join(lines)


def tagger_file() -> str:
    """What hls4ml says to tritag's exported file."""
    model = read_model(tritag.export(f"zoo:{TAGGER}").model)
    stock(lambda out: of_onnx(model, out))
    return "converted"


def tagger_module() -> str:
    """What hls4ml says to the float tagger as a PyTorch module."""
    tagger = make_tagger(load_tagger_config(TAGGER, CANDIDATES)).eval()
    stock(lambda out: of_torch(tagger, [(None, CANDIDATES, 3), (None, 1)], out))
    return "converted"


def plain_mlp() -> str:
    """A float MLP as a PyTorch module: no quantizers, so that the answers are compared as numbers."""
    torch.manual_seed(0)
    network = nn.Sequential(nn.Linear(16, 64), nn.ReLU(), nn.Linear(64, 32), nn.ReLU(), nn.Linear(32, 5)).eval()
    x = torch.randn(INPUTS, 16)
    theirs = stock(lambda out: of_torch(network, [(None, 16)], out)).predict(x.numpy())
    with torch.no_grad():
        error = float((torch.from_numpy(np.asarray(theirs)) - network(x)).abs().max())
    return f"converted; of {INPUTS:,} inputs the largest difference from PyTorch is {error:.1e} with {PRECISION}"


CASES: dict[str, Callable[[], str]] = {
    "tagger-qonnx": tagger_file,
    "tagger-pytorch": tagger_module,
    "mlp-pytorch": plain_mlp,
    "mlp-qonnx": lambda: foreign(Mlp(per_channel=False), 6),
    "deep-sets-qonnx": lambda: foreign(DeepSets(), CANDIDATES, 3),
    "transformer-qonnx": lambda: foreign(Transformer(), CANDIDATES, 3),
}


def main() -> int:
    """Print a line for each case."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("cases", nargs="*", metavar="CASE", help=f"of {', '.join(CASES)}; by default all")
    for case in parser.parse_args().cases or CASES:
        try:
            said = CASES[case]()
        except Exception as error:  # whatever hls4ml raises is the answer
            said = f"{type(error).__name__}: {' '.join(str(error).split())[:300]}"
        print_result(f"{case:22s} {said}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
