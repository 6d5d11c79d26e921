"""Sizes of the taggers whose cost has a formula, by name: those of ``configs/taggers`` and those of the paper.

A network that joins the registry gets its entry in :data:`NETWORKS`.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from tritag.configs import build
from tritag.errors import ConfigError, unknown_name
from tritag.models.nets.lloca import LLoCaConfig
from tritag.models.nets.lloca_seed import LLoCaSeedConfig
from tritag.models.nets.registry import TaggerConfig, load_tagger_config, tagger_names
from tritag.models.nets.transformer import TransformerConfig
from tritag.quant.measure.cost_formulas import (
    LLoCaSeedSizes,
    LLoCaSizes,
    ParTSizes,
    Sizes,
    SlimSizes,
    TransformerSizes,
)

# The paper's nets: ten blocks of 128 channels (Fig. 5), and the small ones (Tab. 3, Fig. 6).
PAPER_TAGGERS: dict[str, Sizes] = {
    "paper-transformer": TransformerSizes(10, 128, 4),
    "paper-part": ParTSizes(10, 128, 4, pair_channels=64),
    "paper-lloca-local": LLoCaSizes(10, 128, 4, frames_hidden=32),
    "paper-lloca-global": LLoCaSizes(10, 128, 4, frames_hidden=32, local=False),
    "paper-slim": SlimSizes(12, 32, 96, 4),
    "paper-part-20k": ParTSizes(2, 32, 2, pair_channels=8),
    "paper-slim-2k": SlimSizes(1, 4, 16, 1),
    "paper-slim-20k": SlimSizes(2, 8, 32, 2),
}


def _transformer(sizes: dict[str, Any]) -> Sizes:
    c = build(TransformerConfig, sizes)
    return TransformerSizes(c.blocks, c.channels, c.mlp_factor, c.norm)


def _lloca(sizes: dict[str, Any]) -> Sizes:
    c = build(LLoCaConfig, sizes)
    return LLoCaSizes(
        c.blocks,
        c.channels,
        c.mlp_factor,
        c.norm,
        frames_hidden=c.frames_hidden,
        local=c.frames == "local",
        pairs=c.frames_net == "pairs",
        spurions=c.spurions,
        scalars=c.frames_inputs == "scalars",
    )


def _lloca_seed(sizes: dict[str, Any]) -> Sizes:
    c = build(LLoCaSeedConfig, sizes)
    return LLoCaSeedSizes(c.blocks, c.channels, c.mlp_factor, c.norm)


NETWORKS: dict[str, Callable[[dict[str, Any]], Sizes]] = {
    "transformer": _transformer,
    "lloca": _lloca,
    "lloca-seed": _lloca_seed,
}


def cost_tagger_names() -> list[str]:
    """All names that :func:`cost_sizes` knows."""
    configs = {name: load_tagger_config(name) for name in tagger_names()}
    known = [name for name, config in configs.items() if config.network in NETWORKS and not _beside(config)]
    return sorted([*known, *PAPER_TAGGERS])


def _beside(config: TaggerConfig) -> str:
    """What of a tagger the formulas do not know; empty where they know all."""
    if config.fields:
        return f"fields {', '.join(config.fields)}"
    return "features seed" if config.network == "transformer" and config.sizes.get("features") == "seed" else ""


def cost_sizes(name: str) -> Sizes:
    """Sizes of a tagger by name, or of a YAML file.

    Raises
    ------
    ConfigError
        Unknown name (the nearest one is offered), or a network without a formula.
    """
    if name in PAPER_TAGGERS:
        return PAPER_TAGGERS[name]
    if not name.endswith((".yaml", ".yml")) and name not in tagger_names():
        raise ConfigError(unknown_name("tagger", name, cost_tagger_names()))
    return sizes_of(load_tagger_config(name))


def sizes_of(config: TaggerConfig) -> Sizes:
    """Sizes of a tagger's configuration.

    Raises
    ------
    ConfigError
        There is no formula for its network.
    """
    if config.network not in NETWORKS:
        known = ", ".join(sorted(NETWORKS))
        raise ConfigError(
            f"cost formulas exist for the networks {known}, got {config.network!r}; count a trained run of it with "
            "tritag cost --run RUN"
        )
    if other := _beside(config):
        raise ConfigError(
            f"cost formulas exist for seven scalars of pt, eta and phi alone, got {other}; count a trained run of it "
            "with tritag cost --run RUN"
        )
    return NETWORKS[config.network](config.sizes)
