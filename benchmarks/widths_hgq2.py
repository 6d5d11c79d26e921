"""The 2k transformer made of HGQ2's layers, its trainings, its counts, and its points.

As in tritag, a first training is shared by all points of a seed, and a second one adds the penalty ``beta`` for every
bit operation of HGQ2's own count. What differs from tritag's network stands in docs/results.md.
"""

from __future__ import annotations

import dataclasses
import importlib
import json
import os
import time
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.widths_count import Array, linear_operations, product_operations, scale_operations, total_bits
from benchmarks.widths_jets import Jets, power_of_two, read_split
from benchmarks.widths_settings import CHANNELS, FORMAT, HEADS, Settings
from tritag.configs import digest
from tritag.errors import ToolError
from tritag.files import atomic_path, write_json
from tritag.models.figures.metrics import measure
from tritag.terminal import print_progress

# Steps between two lines of progress.
_LINE_EVERY = 250
# Jets at a time without training; divides the sets of the study, as every other number of jets is compiled anew.
_AT_ONCE = 2000


def load_hgq() -> tuple[Any, Any, Any]:
    """Modules ``keras``, ``hgq.layers`` and ``hgq.config``, on the JAX backend.

    Raises
    ------
    ToolError
        A package is missing.
    """
    os.environ["KERAS_BACKEND"] = "jax"
    # Quantizers warn that a mask ends with them; each layer that needs the mask is given it.
    warnings.filterwarnings("ignore", message=".*does not support masking", category=UserWarning)
    warnings.filterwarnings("ignore", message=".*provided as a generator", category=UserWarning)
    try:
        importlib.import_module("jax")
        return tuple(importlib.import_module(name) for name in ("keras", "hgq.layers", "hgq.config"))  # type: ignore[return-value]
    except ModuleNotFoundError as error:
        package = {"hgq": "hgq2"}.get(str(error.name).partition(".")[0], error.name)
        raise ToolError(
            f"the package {package} must be installed for this comparison; docs/results.md has its environment"
        ) from None


class Network:
    """The 2k transformer of HGQ2's layers: scalars (B, K, 7), mask (B, K) and 1/count (B, 1) to the logit (B, 1)."""

    def __init__(self, settings: Settings) -> None:
        keras, q, config = load_hgq()
        self.keras, self.settings = keras, settings
        keras.utils.set_random_seed(settings.seed)
        k = settings.constituents
        axes = {"heterogeneous_axis": ()} if settings.widths == "tensor" else {}
        with config.QuantizerConfigScope(place="datalane", **axes), config.LayerConfigScope(beta0=settings.first_beta):
            scalars, mask, inverse = keras.Input((k, 7)), keras.Input((k,)), keras.Input((1,))
            self.embed = q.QDense(CHANNELS)
            self.norms = [q.QBatchNormalization(), q.QBatchNormalization()]
            self.attention = q.QMultiHeadAttention(HEADS, CHANNELS // HEADS, fuse="qkv")
            self.expand, self.contract = q.QDense(CHANNELS), q.QDense(CHANNELS)
            self.scale, self.head = q.QMultiply(), q.QDense(1)
            self.sums, self.gelu = [q.QAdd(), q.QAdd()], q.QUnaryFunctionLUT("gelu")
            # The nearest power of two to 1/K; 1/count carries the rest.
            self.pool = q.QSum(axes=1, scale=1 / power_of_two(k))
            real = keras.ops.expand_dims(mask, 1)
            h = self.embed(scalars)
            h = self.sums[0]([h, self.attention(self.norms[0](h, mask=mask), attention_mask=real)])
            x = self.expand(self.norms[1](h, mask=mask))
            h = self.sums[1]([h, self.contract(self.gelu(x))])
            h = keras.layers.Multiply()([h, keras.ops.expand_dims(mask, -1)])
            self.model = keras.Model([scalars, mask, inverse], self.head(self.scale([self.pool(h), inverse])))
        rates = keras.ops.convert_to_tensor(settings.learning_rates().astype(np.float32))

        class Rates(keras.optimizers.schedules.LearningRateSchedule):  # type: ignore[name-defined, misc]
            def __call__(self, step: Any) -> Any:
                return keras.ops.take(rates, keras.ops.cast(step, "int32"))

        self.optimizer = keras.optimizers.Adam(Rates(), beta_2=0.999, epsilon=1e-8, global_clipnorm=1.0)
        loss = keras.losses.BinaryCrossentropy(from_logits=True)
        self.model.compile(optimizer=self.optimizer, loss=loss, jit_compile=True)

    def train(self, jets: Jets, first: int, steps: int, beta: float) -> None:
        """``steps`` steps from step ``first`` on, with fresh moments."""
        for layer in self.model._flatten_layers():
            if getattr(layer, "_beta", None) is not None and getattr(layer, "enable_ebops", False):
                layer._beta.assign(beta)
        self.optimizer.build(self.model.trainable_variables)
        for variable in self.optimizer.variables:
            variable.assign(np.zeros(variable.shape))
        self.optimizer.iterations.assign(first)
        batches = jets.batches(self.settings, first)
        began, done = time.process_time(), 0
        while done < steps:
            more = min(_LINE_EVERY, steps - done)
            loss = self.model.fit(batches, steps_per_epoch=more, epochs=1, verbose=0).history["loss"][-1]
            done += more
            spent = time.process_time() - began
            print_progress(f"beta {beta:g}: step {first + done}, loss with penalty {loss:.4f}, {spent:.0f} s of CPU")

    def observe(self, jets: Jets) -> int:
        """Set signs and integer bits to what these jets need; returns HGQ2's own count (EBOPs)."""
        from hgq.utils import trace_minmax

        return int(trace_minmax(self.model, jets.inputs(), batch_size=_AT_ONCE))

    def scores(self, jets: Jets) -> Array:
        """Logits (n,)."""
        return np.asarray(self.model.predict(jets.inputs(), batch_size=_AT_ONCE, verbose=0), np.float64)[:, 0]

    def bit_operations(self) -> dict[str, float]:
        """Effective bit operations of a jet by tritag's rule, by stage; of ``observe``d ranges."""
        k, a = self.settings.constituents, self.attention
        tokens, heads, scores = (k, CHANNELS), (k, HEADS, CHANNELS // HEADS), (HEADS, k, k)
        linear = [(self.embed, (k, 7)), (self.expand, tokens), (self.contract, tokens), (self.head, (1, CHANNELS))]
        linear += [(layer, tokens) for layer in (a._query_dense, a._key_dense, a._value_dense)]
        count = sum(linear_operations(bits_of(d.iq, s), np.reshape(d.qkernel, (s[1], -1))) for d, s in linear)
        mixed = bits_of(a._output_dense.iq, heads).reshape(tokens)
        query, key, value = (bits_of(d.oq, heads) for d in (a._query_dense, a._key_dense, a._value_dense))
        softmax = a._softmax
        pooled = [bits_of(iq, (n,)) for iq, n in zip(self.scale.iq, (CHANNELS, 1), strict=True)]
        inverse = bits_of(softmax.inv_table.oq, (HEADS, k, 1))
        return {
            "linear": count + linear_operations(mixed, np.reshape(a._output_dense.qkernel, (CHANNELS, -1))),
            "norms": sum(scale_operations(bits_of(n.iq, tokens), n.qscaler_and_qoffset[0]) for n in self.norms),
            "attention": product_operations("nhd,mhd->", query, key)
            + product_operations("hnm,mhd->", bits_of(softmax.oq, scores), value),
            "softmax": product_operations("hnm,hnl->", bits_of(softmax.exp_table.oq, scores), inverse),
            "pool": product_operations("c,l->", *pooled),
        }


def bits_of(quantizer: Any, shape: tuple[int, ...]) -> Array:
    """Bits with sign of each element (``shape``, a jet's) behind a quantizer of HGQ2."""
    bits = total_bits(*(np.asarray(part) for part in quantizer.quantizer.kif))
    return np.broadcast_to(bits, (1, *shape))[0]


# ---- points ----


def hgq2_points(settings: Settings, betas: list[float], folder: Path) -> Iterator[dict[str, Any]]:
    """Train what is missing of a sweep; yields every point."""
    name = digest(dataclasses.asdict(settings))
    network: Network | None = None
    for beta in betas:
        path = folder / f"hgq2-beta{beta:g}-seed{settings.seed}-{name}.json"
        if not path.is_file():
            if network is None:
                train, test = (read_split(settings, split, folder) for split in ("train", "test"))
                network = Network(settings)
            began = time.process_time()
            _first_training(network, train, folder / f"hgq2-first-{name}-seed{settings.seed}.npz")
            network.train(train, settings.first_steps, settings.steps, beta)
            _keep_weights(network, path.with_suffix(".npz"))
            write_json(path, _measured(network, train, test, beta, time.process_time() - began))
        yield json.loads(path.read_text(encoding="utf-8"))


def _first_training(network: Network, jets: Jets, path: Path) -> None:
    if not path.is_file():
        network.train(jets, 0, network.settings.first_steps, network.settings.first_beta)
        _keep_weights(network, path)
    with np.load(path) as kept:
        network.model.set_weights([kept[f"arr_{i}"] for i in range(len(kept.files))])


def _keep_weights(network: Network, path: Path) -> None:
    with atomic_path(path) as temporary:
        np.savez(temporary, *network.model.get_weights())


def _measured(network: Network, train: Jets, test: Jets, beta: float, cpu_s: float) -> dict[str, Any]:
    ebops = network.observe(train)
    stages = network.bit_operations()
    versions = {name: importlib.import_module(name).__version__ for name in ("hgq", "keras", "jax")}
    return {
        "format": FORMAT,
        "side": "hgq2",
        "settings": dataclasses.asdict(network.settings),
        "beta": beta,
        "jets_seen": network.settings.jets_seen,
        "test": measure(network.scores(test), test.label).as_dict(),
        "ebops": ebops,
        "effective_bit_operations": sum(stages.values()),
        "stages": stages,
        "versions": versions,
        "cpu_s": round(cpu_s),
    }
