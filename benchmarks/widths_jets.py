"""Jets for networks of other packages: the integer scalars of tritag's quantized taggers, in tritag's batches."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from benchmarks.widths_settings import Settings
from tritag.files import atomic_path

Array = NDArray[Any]


def power_of_two(k: int) -> float:
    """The nearest power of two."""
    return 2.0 ** round(math.log2(k))


@dataclass(frozen=True)
class Jets:
    """Scalars (n, K, 7) on the firmware's grid, count (n,), label (n,)."""

    scalars: Array
    count: Array
    label: Array

    def inputs(self, index: Any = slice(None)) -> tuple[Array, Array, Array]:
        """What the network takes."""
        k, count = self.scalars.shape[1], self.count[index]
        inverse = power_of_two(k) / np.maximum(count, 1)
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
