"""The networks of the ``lloca`` and ``lgatr`` packages in the sizes of our taggers, without our weights."""

from __future__ import annotations

import functools
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from tritag.models.layers.jet_geometry import PAIR_MASS_MEAN, PAIR_MASS_SCALE, LocalScalars, before_candidates
from tritag.models.layers.minkowski import components
from tritag.models.nets.lgatr_slim import SlimConfig
from tritag.models.nets.lloca import LLoCaConfig


class ReferenceLLoCa(nn.Module):
    """Frames-Net and transformer of ``lloca`` 2.0, for jets without padding; both packages take our local scalars."""

    def __init__(self, sizes: LLoCaConfig, n_constituents: int, dtype: torch.dtype = torch.float32) -> None:
        super().__init__()
        equi_frames = pytest.importorskip("lloca.framesnet.equi_frames")
        mlp = pytest.importorskip("lloca.equivectors.mlp")
        transformer = pytest.importorskip("lloca.backbone.transformer")
        self.frames_type = pytest.importorskip("lloca.framesnet.frames").Frames
        self.n_constituents, self.per_jet = n_constituents, sizes.frames == "global"
        hidden = sizes.frames_hidden
        vectors = functools.partial(mlp.MLPVectors, num_scalars=7, hidden_channels=hidden, num_layers_mlp=2)
        self.frames_net = equi_frames.LearnedPDFrames(vectors, is_global=self.per_jet).to(dtype)
        self.edges.edge_mean = torch.tensor(PAIR_MASS_MEAN, dtype=dtype)
        self.edges.edge_std = torch.tensor(1 / PAIR_MASS_SCALE, dtype=dtype)
        self.edges.edge_inited.fill_(True)
        self.backbone = transformer.Transformer(
            7, "4x0n+1x1n", 1, sizes.blocks, sizes.heads, mlp_factor=sizes.mlp_factor, preserve_variance=False
        ).to(dtype)
        self.features = LocalScalars(n_constituents)

    @property
    def edges(self) -> Any:
        """The edge convolution that finds the vectors."""
        return self.frames_net.equivectors.block

    def score(self, inputs: tuple[Tensor, ...], count: Tensor) -> Tensor:
        """Logits (B, 1) from the inputs of our tagger."""
        tokens, _, scalars = inputs
        k = self.n_constituents
        learned = self.frames_net(tokens, scalars=before_candidates(scalars.to(tokens.dtype), k + 3))
        frames = self.frames_type(learned.matrices[:, 3:], is_global=self.per_jet)
        return self.backbone(self.features(frames.matrices, tokens, count), frames).mean(1)


class ReferenceSlim(nn.Module):
    """``lgatr`` 2.0's slim network with the paper's layers: GELU for both gates, offsets in q, k, v, plain norms."""

    def __init__(self, sizes: SlimConfig, n_constituents: int, dtype: torch.dtype = torch.float32) -> None:
        super().__init__()
        slim, layers = pytest.importorskip("lgatr.nets.slim"), pytest.importorskip("lgatr.layers.slim_layers")
        self.n_constituents, v, s = n_constituents, sizes.vectors, sizes.scalars
        self.net = slim.LGATrSlim(
            num_blocks=sizes.blocks,
            in_v_channels=1,
            out_v_channels=0,
            hidden_v_channels=v,
            in_s_channels=8,
            out_s_channels=1,
            hidden_s_channels=s,
            num_heads=sizes.heads,
            mlp_ratio=sizes.mlp_factor,
            norm_elementwise_affine=False,
        )
        for block in self.net.blocks:
            block.attention.linear_in = layers.SlimLinear(v, 3 * v, s, 3 * s)
            glu = block.mlp.layers[0]
            glu.nonlinearity = glu.nonlinearity_v = F.gelu
        self.net = self.net.to(dtype)

    def score(self, inputs: tuple[Tensor, ...], count: Tensor) -> Tensor:
        """Logits (B, 1) from the inputs of our tagger."""
        vectors, scalars = inputs
        features = F.pad(scalars.to(vectors.dtype), (0, 1, 4, 0))
        features[:, 0, 7] = 1.0
        real = torch.arange(self.n_constituents + 4) < count + 4
        return self.net(components(vectors).transpose(-2, -1), features, attn_mask=real[:, None, None])[1][:, 0]
