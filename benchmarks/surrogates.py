"""How far a training's forward pass is from the exact tagger, by tagger (docs/limitations.md).

    python -m benchmarks.surrogates lloca-local-2k lgatr-slim-2k --constituents 3

The tagger is untrained, with ranges observed on the jets of the sample. Printed are, over these jets, the root mean
square and the largest difference of the logits in units of their spread, and the shares of jets beyond 0.1 and 0.3.
"""

from __future__ import annotations

from typing import Annotated

import torch
import typer
from torch import Tensor

from tests.helpers.taggers import calibrated_tagger, observe
from tritag.data.simulation.sample import read_sample
from tritag.models.jets.coded_jets import CodedJets
from tritag.models.nets.registry import load_tagger_config


@torch.no_grad()
def differences(name: str, k: int) -> Tensor:
    """Difference of each jet's logits in training and in the exact tagger, over the spread of the exact ones."""
    config = load_tagger_config(name, k)
    tagger = calibrated_tagger(k, "int8", config.sizes, config.network)
    jets = CodedJets.from_batch(read_sample(), k)
    observe(tagger, (jets.codes.numpy(), jets.count.numpy()[:, 0]))
    exact = tagger.eval()(jets.codes, jets.count).flatten()
    tagger.train()
    for module in tagger.modules():
        if hasattr(module, "on_step"):  # the ranges are not observed any more
            module.on_step(99, 100)
    return (tagger(jets.codes, jets.count).flatten() - exact).abs() / exact.std()


def line(name: str, k: int) -> str:
    """A row of a Markdown table."""
    found = differences(name, k)
    shares = " | ".join(f"{100 * (found > limit).double().mean():.1f} %" for limit in (0.1, 0.3))
    return f"| {name} | {k} | {found.square().mean().sqrt():.3f} | {found.max():.2f} | {shares} |"


def main(
    taggers: Annotated[list[str], typer.Argument(help="Names in configs/taggers.")],
    constituents: Annotated[int, typer.Option("--constituents", "-K", min=1, help="Of a jet.")] = 16,
) -> None:
    """Print the table."""
    print("| tagger | K | rms | largest | beyond 0.1 | beyond 0.3 |\n|---|---|---|---|---|---|")  # noqa: T201
    for name in taggers:
        print(line(name, constituents))  # noqa: T201


if __name__ == "__main__":
    typer.run(main)
