"""What must not move when the house is rebuilt: names of parameters, integers, digests of settings, exported bytes.

``python -m tests.helpers.pins`` writes the file of pins again; do so only where a change of integers, formats or
digests is meant, and say so in the changelog. Weights and jets are made of small integers, so that no processor's
rounding decides about a pin; only the outputs of float taggers are held as numbers, within a tolerance, and computed in
float64: in float32 the logits of L-GATr-slim and of LLoCas move by up to 1e-2 with the order in which a processor sums.
"""

from __future__ import annotations

import hashlib
import json
import math
import tempfile
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import nn
from torch.utils._pytree import tree_map

from tests.helpers.jets import random_jets, with_fields
from tests.helpers.rtl import timing
from tests.helpers.taggers import FAST, SEED, TINY, calibrated_tagger, observe
from tritag.configs import digest, precision_names
from tritag.errors import ConfigError, ExportError
from tritag.export.graph import read_graph
from tritag.export.qonnx_file import export_model
from tritag.export.rtl.design.design import Design, build
from tritag.files import write_json
from tritag.hls_projects.project import write_project
from tritag.hls_projects.target import load_target
from tritag.models.nets.registry import load_tagger_config, tagger_names
from tritag.noise import quiet
from tritag.quant.layers.tagger import QuantTagger
from tritag.quant.recipe import fresh_tagger, make_recipe

PINS = Path(__file__).resolve().parents[1] / "pins.json"
CONSTITUENTS, JETS = 3, 12
# One tagger per kind of network; sizes as small as they can be.
NETWORKS: dict[str, tuple[str, dict[str, Any]]] = {
    "transformer": ("transformer", TINY),
    "transformer-batch": ("transformer", {**TINY, "norm": "batch"}),
    "transformer-seed": ("transformer", {**TINY, **SEED}),
    "lloca-local": ("lloca", {"blocks": 1, "channels": 16, "heads": 2, "frames": "local"}),
    "lloca-global": ("lloca", TINY),
    "lloca-trigger": ("lloca", {**TINY, "frames_net": "tokens", "features": "directions"}),
    "lloca-trigger-fast": ("lloca", {**TINY, **FAST}),
    "lloca-trigger-gram": ("lloca", {**TINY, **FAST, "axes": "gram"}),
    "lloca-seed": ("lloca-seed", {**TINY, **SEED}),
    "part": (
        "part",
        {"embed": [4, 4], "pair_embed": [2, 2], "blocks": 1, "class_blocks": 1, "heads": 2, "mlp_factor": 2},
    ),
    "lgatr-slim": ("lgatr-slim", {"vectors": 4, "scalars": 8, "blocks": 1, "heads": 2, "mlp_factor": 1}),
}


def exact_precisions() -> list[str]:
    """Float and every precision that has an exact form."""
    names = []
    for name in precision_names():
        recipe = make_recipe(load_tagger_config("transformer-2k"), "tiny", name)
        if recipe.quant is None or recipe.quant.exact:
            names.append(name)
    return names


def pins_of(tagger: str, precision: str) -> dict[str, Any]:
    """Digest of the settings, of names and shapes in ``state_dict``, and outputs for seeded weights and jets."""
    pins: dict[str, Any] = {"digest": digest(make_recipe(load_tagger_config(tagger), "top", precision).settings())}
    try:
        network = fresh_tagger(make_recipe(load_tagger_config(tagger, CONSTITUENTS), "top", precision))
    except ConfigError as error:
        return {**pins, "refused": str(error)}
    set_weights(network)
    names = [(name, list(value.shape), str(value.dtype)) for name, value in network.state_dict().items()]
    pins["state"] = digest_of(json.dumps(names).encode())
    jets = with_fields(random_jets(np.random.default_rng(1), JETS, CONSTITUENTS), load_tagger_config(tagger).candidates)
    codes, count = (torch.from_numpy(x) for x in jets)
    with torch.no_grad():
        if isinstance(network, QuantTagger):
            try:
                observe(network, jets)
                network.eval()
                score = network.score(network.inputs(codes, count[:, None]), count[:, None])
            except ExportError as error:  # widths that these weights do not have room for
                return {**pins, "refused": str(error)}
            return {**pins, "integers": digest_of(score.integers().numpy().tobytes()), "grid": str(score.known_grid())}
        inputs = tree_map(torch.Tensor.double, network.inputs(codes.float(), count[:, None].float()))
        floats = network.double().eval().score(inputs, count[:, None].double())
        return {**pins, "floats": floats.flatten().tolist()}


def pins_of_network(name: str) -> dict[str, str]:
    """Digests of an export, of its C++ project and of its Verilog."""
    network, sizes = NETWORKS[name]
    tagger = calibrated_tagger(CONSTITUENTS, "ternary", dict(sizes), network)
    model = export_model(tagger)
    graph = read_graph(model)
    design = build(graph, timing(54), CONSTITUENTS)
    return {
        "export": digest_of(model.SerializeToString(deterministic=True)),
        "project": project_digest(graph),
        "verilog": verilog_digest(design, "tagger.v"),
    }


def verilog_digest(design: Design, name: str) -> str:
    """Digest of all files of a design, whose own text counts as the file ``name``."""
    files = {**design.files, name: design.text}
    return digest_of(*(f"{file}\n{text}".encode() for file, text in sorted(files.items())))


def project_digest(graph: Any) -> str:
    """Digest of an hls4ml project without the vendor's types; nothing in it depends on its folder or the day."""
    with tempfile.TemporaryDirectory() as folder:
        with quiet(Path(folder) / "log"):
            write_project(graph, load_target(), Path(folder) / "hls")
        root = Path(folder) / "hls"
        ours = [path for path in sorted(root.rglob("*")) if path.is_file() and "ap_types" not in path.parts]
        return digest_of(*(f"{path.relative_to(root)}\n".encode() + path.read_bytes() for path in ours))


def set_weights(network: nn.Module) -> None:
    """Give parameters and statistics small multiples of powers of two that depend on name and place alone."""
    with torch.no_grad():
        for name, value in [*network.named_parameters(), *_statistics(network)]:
            rng = np.random.default_rng(int.from_bytes(hashlib.sha256(name.encode()).digest()[:4], "big"))
            low, high = (20, 120) if name.endswith("running_var") else (-40, 41)
            if _is_weight(name):
                fan_in = value.shape[-1] if value.ndim > 1 else 1
                scale = 2.0 ** -round(math.log2(fan_in) / 2 + 5)
                value.copy_(torch.from_numpy(rng.integers(low, high, tuple(value.shape)) * scale))


def _is_weight(name: str) -> bool:
    return name.rpartition(".")[2] in ("weight", "bias", "running_mean", "running_var")


def _statistics(network: nn.Module) -> Iterable[tuple[str, torch.Tensor]]:
    return ((name, value) for name, value in network.named_buffers() if ".running_" in name)


def digest_of(*parts: bytes) -> str:
    state = hashlib.sha256()
    for part in parts:
        state.update(len(part).to_bytes(8, "big") + part)
    return state.hexdigest()[:16]


def all_pins(tell: Callable[[str], None] = print) -> dict[str, Any]:
    """Pins of every tagger with every exact precision, and of every network."""
    torch.set_num_threads(1)
    taggers: dict[str, Any] = {}
    for tagger in tagger_names():
        for precision in exact_precisions():
            tell(f"{tagger} {precision}")
            taggers[f"{tagger} {precision}"] = pins_of(tagger, precision)
    return {"taggers": taggers, "networks": {name: pins_of_network(name) for name in NETWORKS}}


if __name__ == "__main__":
    write_json(PINS, all_pins())
