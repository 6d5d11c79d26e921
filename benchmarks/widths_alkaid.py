"""alkaid's Verilog of a trained HGQ2 network: equal scores, and its size by alkaid and by the same Yosys flow."""

from __future__ import annotations

import dataclasses
import importlib
import json
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.import_beside_alkaid import flat_figures, verilog
from benchmarks.widths_count import Array
from benchmarks.widths_hgq2 import Network
from benchmarks.widths_jets import Jets, read_split
from benchmarks.widths_settings import Settings
from tritag.errors import ToolError
from tritag.files import write_json
from tritag.quant.ops.jet_scalars import SCALAR_TYPE

_NAME = "alkaid_mlp"
# alkaid's limit of the delay of a stage, in its own units.
_CUTOFF = 4.0
# Jets whose scores are compared.
_JETS = 500


def read_network(point: dict[str, Any], path: Path, jets: Jets) -> Network:
    """The network of a point's JSON file with the weights beside it, its ranges observed on ``jets``."""
    network = Network(Settings(**point["settings"]))
    with np.load(path) as kept:
        network.model.set_weights([kept[f"arr_{i}"] for i in range(len(kept.files))])
    network.observe(jets)
    return network


def traced(network: Network) -> Any:
    """The network as alkaid's combinational logic."""
    from alkaid.converter import trace_model
    from alkaid.trace import trace

    _take_tensors_by_keyword()
    scalars = (int(SCALAR_TYPE.signed), SCALAR_TYPE.integer - SCALAR_TYPE.signed, SCALAR_TYPE.fraction)
    inverse = tuple(int(np.max(np.asarray(part))) for part in network.scale.iq[1].quantizer.kif)
    given = trace_model(network.model, inputs_kif=(scalars, (0, 1, 0), inverse))  # type: ignore[arg-type]
    return trace(*given)


def _take_tensors_by_keyword() -> None:
    """Let alkaid's handlers take the mask, which the network passes by keyword; a definition registers a handler.

    HGQ2's attention does not take it by position, and alkaid refuses tensors by keyword. Norms need a mask in training
    alone.
    """
    from hgq._alkaid_keras_plugin.activation import _QSoftmax
    from hgq._alkaid_keras_plugin.attn import _QMHA
    from hgq._alkaid_keras_plugin.core import _QBatchNormalization
    from hgq.layers import QBatchNormalization, QMultiHeadAttention

    class Attention(_QMHA):  # type: ignore[misc]
        handles = (QMultiHeadAttention,)

        def __call__(self, query: Any, attention_mask: Any) -> Any:
            self.mask = attention_mask
            return super().__call__(query)

        def call(self, query: Any) -> Any:
            return super().call(query, attention_mask=self.mask)

        def _masked_softmax(self, op: Any, attention_scores: Any, attention_mask: Any = None) -> Any:
            return _QSoftmax(op._softmax)(attention_scores, np.expand_dims(attention_mask, 1))["final"][0]

    class Norm(_QBatchNormalization):  # type: ignore[misc]
        handles = (QBatchNormalization,)

        def __call__(self, x: Any, mask: Any) -> Any:
            return super().__call__(x)


def flat_inputs(network: Network, jets: Jets) -> Array:
    """What the logic takes for the first jets: scalars, mask and 1/count side by side, (n, inputs)."""
    scalars, mask, inverse = jets.inputs(slice(0, _JETS))
    fraction = int(np.max(np.asarray(network.scale.iq[1].quantizer.kif[2])))
    rounded = np.floor(inverse * 2.0**fraction + 0.5) * 2.0**-fraction
    return np.concatenate([scalars.reshape(len(scalars), -1), mask, rounded], axis=1).astype(np.float64)


def measured(network: Network, test: Jets, synthesise: bool) -> dict[str, Any]:
    """Jets whose score differs, alkaid's estimate, and with ``synthesise`` the figures of Yosys."""
    from alkaid.codegen import RTLModel

    logic = traced(network)
    scores = np.asarray(logic.predict(flat_inputs(network, test))).reshape(-1)
    expected = network.scores(test)[:_JETS]
    found: dict[str, Any] = {
        "jets": len(scores),
        "differ": int((scores != expected).sum()),
        "largest_difference": float(np.abs(scores - expected).max()),
        "alkaid_cost": float(logic.cost),
    }
    with tempfile.TemporaryDirectory() as folder:
        model = RTLModel(logic, folder, _NAME, latency_cutoff=_CUTOFF, print_latency=False)
        text, memories = verilog(model, Path(folder))
        found |= {"cutoff": _CUTOFF, "stages": len(list(Path(folder).rglob("logic*.v"))), "verilog_bytes": len(text)}
    if synthesise:
        began = time.monotonic()
        found |= dataclasses.asdict(flat_figures(text, memories))
        found["yosys_s"] = round(time.monotonic() - began)
    return found


def write_alkaid(path: Path, synthesise: bool) -> dict[str, Any]:
    """Figures of the point in the JSON file ``path``, written beside it; found when they are there.

    Raises
    ------
    ToolError
        alkaid is missing.
    """
    kept = path.with_suffix(".alkaid.json")
    if not kept.is_file() or (synthesise and "lut" not in json.loads(kept.read_text(encoding="utf-8"))):
        try:
            importlib.import_module("alkaid")
        except ModuleNotFoundError:
            raise ToolError("the package alkaid must be installed for this; pip install alkaid==0.8.2") from None
        point = json.loads(path.read_text(encoding="utf-8"))
        settings = Settings(**point["settings"])
        train, test = (read_split(settings, split, path.parent) for split in ("train", "test"))
        network = read_network(point, path.with_suffix(".npz"), train)
        write_json(kept, measured(network, test, synthesise))
    return json.loads(kept.read_text(encoding="utf-8"))  # type: ignore[no-any-return]
