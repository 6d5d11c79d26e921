"""What stock hls4ml makes of the same models: ``python -m benchmarks.stock_hls4ml [CASE...]``.

Each case gives a model to hls4ml's own converters, with the settings that its documentation advises: tritag's exported
file of ``zoo:transformer-2k``; the same float transformer as a PyTorch module; a float MLP; and three plain Brevitas
networks as QONNX. Where hls4ml converts, its C++ is compiled by g++ and given inputs at random over the grid of the
file's first quantizer. A line says of how many inputs the answer is another integer of the output grid, and by how much
at most; tritag's C++ of the same file stands beside it. ``mlp-qonnx-scales`` finds the numbers of the MLP whose type
makes the difference. docs/hls4ml-users.md shows the lines.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import warnings
from collections.abc import Callable
from dataclasses import dataclass
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
from tritag.export.graph import FirmwareGraph, read_graph
from tritag.export.importing.importer import Imported, import_model
from tritag.export.importing.original import compared, qonnx_runner, real_inputs
from tritag.export.model_file import read_model
from tritag.hls_projects.csim import CsimExecutor, compile_project
from tritag.hls_projects.target import load_target
from tritag.models.nets.registry import load_tagger_config, make_tagger
from tritag.noise import quiet
from tritag.terminal import print_result

TAGGER = "transformer-2k"
INPUTS, CANDIDATES = 1000, 8
# The largest numbers fit; the digits behind the point turn out to be too few for the scales (case mlp-qonnx-scales).
PRECISION = "ap_fixed<32,16>"
# What hls4ml takes when nothing is said, the type above, and one with more digits.
DEFAULTS = ("ap_fixed<16,6>", PRECISION, "ap_fixed<64,24>")
WIDE = "ap_fixed<64,16>"
# Layers in which hls4ml multiplies by a float scale: three quantizers, and what is left of three linear layers.
SCALES = ("Quant_0_scale", "Quant_4_scale", "Quant_5_scale", "BatchNormalization_0", "bn_Add_1", "bn_Add_2")


def stock(convert: Callable[[str], Any]) -> Any:
    """The compiled model that hls4ml makes; what it prints goes to a file in its folder."""
    folder = tempfile.mkdtemp(prefix="stock_hls4ml_")
    with quiet(Path(folder) / "log"), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        model = convert(f"{folder}/project")
        model.compile()
    return model


def of_onnx(model: onnx.ModelProto, out: str, default: str = PRECISION, scales: dict[str, str] | None = None) -> Any:
    """hls4ml's model of an ONNX file that qonnx has cleaned; ``scales`` has the types of scale and bias by layer."""
    from hls4ml.converters import convert_from_onnx_model
    from hls4ml.utils.config import config_from_onnx_model
    from qonnx.core.modelwrapper import ModelWrapper
    from qonnx.transformation.channels_last import ConvertToChannelsLastAndClean
    from qonnx.transformation.gemm_to_matmul import GemmToMatMul
    from qonnx.util.cleanup import cleanup_model

    wrapped = cleanup_model(ModelWrapper(model))
    wrapped = cleanup_model(wrapped.transform(ConvertToChannelsLastAndClean()).transform(GemmToMatMul()))
    settings = config_from_onnx_model(wrapped, granularity="name", backend="Vitis", default_precision=default)
    for layer, precision in (scales or {}).items():
        settings["LayerName"].setdefault(layer, {})["Precision"] = {"scale": precision, "bias": precision}
    return convert_from_onnx_model(wrapped, hls_config=settings, output_dir=out, backend="Vitis")


def of_torch(network: nn.Module, shapes: list[tuple[None, *tuple[int, ...]]], out: str) -> Any:
    """hls4ml's model of a PyTorch module."""
    from hls4ml.converters import convert_from_pytorch_model
    from hls4ml.utils.config import config_from_pytorch_model

    settings = config_from_pytorch_model(
        network, shapes, granularity="name", backend="Vitis", default_precision=PRECISION
    )
    return convert_from_pytorch_model(network, hls_config=settings, output_dir=out, backend="Vitis")


@dataclass(frozen=True)
class Foreign:
    """A Brevitas network as a file, its import, inputs for both, and the integers of the answer."""

    model: onnx.ModelProto
    imported: Imported
    graph: FirmwareGraph
    inputs: list[np.ndarray]
    answers: np.ndarray
    feeds: dict[str, np.ndarray]

    @classmethod
    def of(cls, kind: type[nn.Module], *shape: int, **settings: Any) -> Foreign:
        """A network whose weights are the same in every call."""
        torch.manual_seed(0)
        model = exported(kind(**settings), *shape)
        imported = import_model(model, {})
        graph = read_graph(imported.model)
        inputs = random_features(graph, INPUTS)
        answers = OnnxRuntimeExecutor(graph, imported.model).run(*inputs)
        constants = {i.name for i in model.graph.initializer}
        (name,) = (v.name for v in model.graph.input if v.name not in constants)
        feeds = real_inputs(imported, dict(zip(graph.inputs, inputs, strict=True)), {name: shape})
        return cls(model, imported, graph, inputs, answers, feeds)

    def compare(self, runtime: str, run: Callable[[dict[str, np.ndarray]], np.ndarray]) -> str:
        """How many inputs get another integer, and by how much at most."""
        return str(compared(self.imported, runtime, run, self.feeds, self.answers, self.graph.output_lsb))

    def in_hls4ml(self, label: str, **settings: Any) -> str:
        """The comparison with what hls4ml makes of the file."""
        theirs = stock(lambda out: of_onnx(self.model, out, **settings))
        ((name, _),) = self.feeds.items()
        return self.compare(
            label,
            lambda given: np.asarray(theirs.predict(np.ascontiguousarray(given[name]))).reshape(len(given[name]), -1),
        )


def foreign(kind: type[nn.Module], *shape: int, **settings: Any) -> str:
    """Integers of a Brevitas network in stock hls4ml's C++ and in tritag's, against the file in qonnx."""
    one = Foreign.of(kind, *shape, **settings)
    ours = CsimExecutor(one.graph, compile_project(one.graph, load_target())).run(*one.inputs)
    differ = int((ours != one.answers).reshape(INPUTS, -1).any(axis=1).sum())
    lines = [one.compare("qonnx", qonnx_runner(one.model, one.imported.final))]
    lines.append(f"tritag's C++: {differ} of {INPUTS:,} inputs differ")
    lines.append(one.in_hls4ml("stock hls4ml's C++"))
    lines.append(f"the outputs spread over {np.ptp(one.answers):,} LSB")
    return "; ".join(lines)


def scales() -> str:
    """What the type of the scales does to the MLP's integers: all of them in one type, then one at a time."""
    one = Foreign.of(Mlp, 6, per_channel=False)
    lines = [one.in_hls4ml(f"all numbers {default}", default=default) for default in DEFAULTS]
    wide = dict.fromkeys(SCALES, WIDE)
    lines.append(one.in_hls4ml(f"{PRECISION}, scales and biases {WIDE}", scales=wide))
    lines += [one.in_hls4ml(f"the same, but {PRECISION} in {name}", scales=wide | {name: PRECISION}) for name in SCALES]
    return "".join(f"\n  {line}" for line in lines)


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
    "mlp-qonnx": lambda: foreign(Mlp, 6, per_channel=False),
    "mlp-qonnx-scales": scales,
    "deep-sets-qonnx": lambda: foreign(DeepSets, CANDIDATES, 3),
    "transformer-qonnx": lambda: foreign(Transformer, CANDIDATES, 3),
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
