"""Learned widths of HGQ2 on tritag's jets, input scalars, batches, figures and cost count: one JSON file a point.

    python benchmarks/learned_widths_beside_hgq2.py --beta 1e-8 --beta 1e-7

The network is the 2k transformer made of HGQ2's layers. As in tritag, a first training is shared by all points of a
seed, and a second one adds the penalty ``beta`` for every bit operation of HGQ2's own count. What differs from tritag's
network stands in docs/results.md. Points that are already there are not trained again.
"""

from __future__ import annotations

import dataclasses
import importlib
import json
import math
import os
import time
import warnings
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Literal

import numpy as np
import typer
from numpy.typing import NDArray

from tritag.configs import digest
from tritag.errors import ToolError, TritagError
from tritag.files import atomic_path, write_json
from tritag.models.figures.metrics import measure
from tritag.models.training.config import TrainingConfig
from tritag.quant.formats.effective_bits import significant_bits
from tritag.terminal import print_progress, print_result

FORMAT = 1
CHANNELS, HEADS = 16, 2
# Fractional bits that hold every weight exactly: HGQ2 allows fewer.
_FINEST = 26
# Steps between two lines of progress.
_LINE_EVERY = 250
# Jets at a time without training; divides the sets of the study, as every other number of jets is compiled anew.
_AT_ONCE = 2000

Array = NDArray[Any]


@dataclass(frozen=True)
class Settings:
    """What all points of a sweep share; the defaults are those of tritag's study.

    ``widths``: a number of bits for every element of an activation (HGQ2's default), or for every tensor (tritag's).
    """

    data: str = "top-study"
    constituents: int = 30
    widths: Literal["element", "tensor"] = "element"
    batch_size: int = 1024
    first_steps: int = 4000
    first_rate: float = 0.01
    first_beta: float = 1e-9
    steps: int = 2500
    rate: float = 0.005
    seed: int = 1

    def learning_rates(self) -> Array:
        """Learning rate of each step: two cosines, as in tritag."""
        trainings = ((self.first_steps, self.first_rate), (self.steps, self.rate))
        configs = [TrainingConfig(iterations=steps, learning_rate=rate) for steps, rate in trainings]
        return np.array([config.learning_rate_at(step) for config in configs for step in range(config.iterations)])


# ---- tritag's count of effective bit operations, on the widths and weights of any network ----


def weight_bits(weights: Array) -> Array:
    """Effective bits of each weight, from its value."""
    return significant_bits(np.rint(np.asarray(weights, np.float64) * 2.0**_FINEST).astype(np.int64))


def linear_operations(bits: Array, weights: Array) -> float:
    """Effective bit operations of a linear layer on activations of ``bits`` (rows, n_in), weights (n_in, n_out)."""
    return float(np.sum(np.asarray(bits, np.float64) @ weight_bits(weights)))


def scale_operations(bits: Array, factors: Array) -> float:
    """Effective bit operations of constant factors (n,) on activations of ``bits`` (rows, n)."""
    return float(np.sum(np.asarray(bits, np.float64) * weight_bits(factors)))


def product_operations(equation: str, a: Array, b: Array) -> float:
    """Bit operations of an einsum of two activations of ``a`` and ``b`` bits; ``equation`` ends with the arrow."""
    return float(np.einsum(equation, np.asarray(a, np.float64), np.asarray(b, np.float64)))


def total_bits(keep_negative: Array, integer: Array, fraction: Array) -> Array:
    """Width with sign, as tritag counts it; 0 where nothing is left."""
    magnitude = np.maximum(np.asarray(integer, np.float64) + np.asarray(fraction, np.float64), 0)
    return np.where(magnitude > 0, magnitude + keep_negative, 0)


# ---- the network in HGQ2 ----


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
            h = self.embed(scalars)
            real = keras.ops.expand_dims(mask, 1)
            h = q.QAdd()([h, self.attention(self.norms[0](h, mask=mask), attention_mask=real)])
            x = self.expand(self.norms[1](h, mask=mask))
            h = q.QAdd()([h, self.contract(q.QUnaryFunctionLUT("gelu")(x))])
            h = keras.layers.Multiply()([h, keras.ops.expand_dims(mask, -1)])
            # The nearest power of two to 1/K; 1/count carries the rest.
            pooled = q.QSum(axes=1, scale=1 / _power_of_two(k))(h)
            self.model = keras.Model([scalars, mask, inverse], self.head(self.scale([pooled, inverse])))
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


def _power_of_two(k: int) -> float:
    return 2.0 ** round(math.log2(k))


# ---- jets ----


@dataclass(frozen=True)
class Jets:
    """Scalars (n, K, 7) on the firmware's grid, count (n,), label (n,)."""

    scalars: Array
    count: Array
    label: Array

    def inputs(self, index: Any = slice(None)) -> tuple[Array, Array, Array]:
        """What the network takes."""
        k, count = self.scalars.shape[1], self.count[index]
        inverse = _power_of_two(k) / np.maximum(count, 1)
        mask = np.arange(k) < count[:, None]
        return self.scalars[index], mask.astype(np.float32), inverse[:, None].astype(np.float32)

    def batches(self, settings: Settings, first: int) -> Iterator[tuple[Any, Array]]:
        """Batches from step ``first`` on; each of the two trainings sees the jets in the order of tritag's."""
        from tritag.models.training.batches import Batches

        order, step = Batches(len(self.label), settings.batch_size, settings.seed), 0
        while True:
            index = order.at(step).numpy()
            yield self.inputs(index), self.label[index, None].astype(np.float32)
            step += 1


def read_split(settings: Settings, split: str, cache: Path) -> Jets:
    """Jets of a split with the integer scalars that tritag's quantized taggers see; kept in ``cache``."""
    from tritag.data.simulation.generate import ensure_data

    source = Path(settings.data) if Path(settings.data).is_file() else ensure_data(settings.data)
    path = cache / f"{source.stem}-k{settings.constituents}-{split}.npz"
    if not path.is_file():
        from tritag.models.jets.inputs import prepare
        from tritag.models.nets.registry import load_tagger_config
        from tritag.pipeline.jets import coded_jets
        from tritag.quant.recipe import fresh_tagger, make_recipe

        recipe = make_recipe(load_tagger_config("transformer-2k", settings.constituents), settings.data, "int8")
        jets = coded_jets(recipe, split)
        scalars = prepare(fresh_tagger(recipe), jets).inputs.value.numpy()
        with atomic_path(path) as temporary:
            np.savez(temporary, scalars=scalars, count=jets.count[:, 0].numpy(), label=jets.label.numpy())
    with np.load(path) as kept:
        return Jets(kept["scalars"], kept["count"], kept["label"])


# ---- points ----


def run_points(settings: Settings, betas: list[float], folder: Path) -> Iterator[dict[str, Any]]:
    """Train what is missing of a sweep; yields every point."""
    name = digest(dataclasses.asdict(settings))
    first_file = folder / f"first-{name}-seed{settings.seed}.npz"
    network: Network | None = None
    for beta in betas:
        path = folder / f"beta{beta:g}-seed{settings.seed}-{name}.json"
        if not path.is_file():
            if network is None:
                train, test = (read_split(settings, split, folder) for split in ("train", "test"))
                network = Network(settings)
            began = time.process_time()
            _first_training(network, train, first_file)
            network.train(train, settings.first_steps, settings.steps, beta)
            write_json(path, _measured(network, train, test, beta, time.process_time() - began))
        yield json.loads(path.read_text(encoding="utf-8"))


def _first_training(network: Network, jets: Jets, path: Path) -> None:
    if not path.is_file():
        network.train(jets, 0, network.settings.first_steps, network.settings.first_beta)
        with atomic_path(path) as temporary:
            np.savez(temporary, *network.model.get_weights())
    with np.load(path) as kept:
        network.model.set_weights([kept[f"arr_{i}"] for i in range(len(kept.files))])


def _measured(network: Network, train: Jets, test: Jets, beta: float, cpu_s: float) -> dict[str, Any]:
    settings = network.settings
    ebops = network.observe(train)
    stages = network.bit_operations()
    versions = {name: importlib.import_module(name).__version__ for name in ("hgq", "keras", "jax")}
    return {
        "format": FORMAT,
        "settings": dataclasses.asdict(settings),
        "beta": beta,
        "jets_seen": settings.batch_size * (settings.first_steps + settings.steps),
        "test": measure(network.scores(test), test.label).as_dict(),
        "ebops": ebops,
        "effective_bit_operations": sum(stages.values()),
        "stages": stages,
        "versions": versions,
        "cpu_s": round(cpu_s),
    }


def row(point: dict[str, Any]) -> str:
    """Line of a table: beta, seed, 10^6 jets seen, AUC, 1/eps_B at 0.3, 10^6 effective bit operations, 10^6 EBOPs."""
    test, rejection = point["test"], point["test"]["rejections"][0]
    cells = [
        f"{point['beta']:g}",
        str(point["settings"]["seed"]),
        f"{point['jets_seen'] / 1e6:.2g}",
        f"{test['auc']['value']:.4f} ± {test['auc']['error']:.4f}",
        "-" if rejection["value"] is None else f"{rejection['value']:.0f} ± {rejection['error']:.0f}",
        f"{point['effective_bit_operations'] / 1e6:.3g}",
        f"{point['ebops'] / 1e6:.3g}",
    ]
    return f"| {' | '.join(cells)} |"


def main(
    beta: Annotated[list[float], typer.Option(help="Penalty for each bit operation; several make a sweep.")],
    data: str = Settings.data,
    constituents: Annotated[int, typer.Option("--constituents", "-K")] = Settings.constituents,
    seed: int = Settings.seed,
    first_steps: int = Settings.first_steps,
    steps: int = Settings.steps,
    batch_size: int = Settings.batch_size,
    rate: Annotated[float, typer.Option(help="Learning rate of the second training.")] = Settings.rate,
    tensor_widths: Annotated[bool, typer.Option(help="One width for each activation tensor, as in tritag.")] = False,
    out: Annotated[Path, typer.Option(help="Folder of the results.")] = Path("runs/hgq2"),
) -> None:
    """Train HGQ2's network at each BETA and print the rows of the table."""
    widths: Literal["element", "tensor"] = "tensor" if tensor_widths else "element"
    settings = Settings(
        data, constituents, widths, batch_size, first_steps=first_steps, steps=steps, rate=rate, seed=seed
    )
    try:
        load_hgq()
        for point in run_points(settings, beta, out):
            print_result(row(point))
    except TritagError as error:
        typer.echo(f"error: {error}", err=True)
        raise typer.Exit(2) from None


if __name__ == "__main__":
    typer.run(main)
