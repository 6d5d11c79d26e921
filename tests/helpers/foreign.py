"""Files as other people write them: plain Brevitas networks with float scales, exported by Brevitas alone."""

from __future__ import annotations

import io
import warnings
from typing import Any

import onnx
import torch
from torch import Tensor, nn

with warnings.catch_warnings():
    warnings.filterwarnings("ignore", message="fast_hadamard_transform")
    import brevitas.nn as qnn
    from brevitas.export import export_onnx_qcdq, export_qonnx


def exported(network: nn.Module, *shape: int, seed: int = 0, form: str = "qonnx") -> onnx.ModelProto:
    """File of a network whose quantizers have seen some normal numbers of that shape.

    ``form`` is "qonnx", "dynamo" for QONNX by torch's newer exporter, which is Brevitas' default, or "qcdq".
    """
    torch.manual_seed(seed)
    network.train()
    with torch.no_grad():
        for _ in range(20):
            network(torch.randn(64, *shape))
    network.eval()
    file = io.BytesIO()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        write = export_onnx_qcdq if form == "qcdq" else export_qonnx
        settings = {"dynamo": form == "dynamo", "opset_version": 18 if form == "dynamo" else 17}
        write(network, args=(torch.randn(1, *shape),), export_path=file, **settings)
    return onnx.load_from_string(file.getvalue())


def _act(bits: int, **settings: Any) -> nn.Module:
    return qnn.QuantIdentity(bit_width=bits, return_quant_tensor=False, **settings)


def _linear(n: int, m: int, bits: int, per_channel: bool) -> nn.Module:
    return qnn.QuantLinear(n, m, bias=True, weight_bit_width=bits, weight_scaling_per_output_channel=per_channel)


class Mlp(nn.Module):
    """Linear, batch norm, ReLU, twice; biases, batch norms and scales are floats."""

    def __init__(self, per_channel: bool, n: int = 6) -> None:
        super().__init__()
        self.take = _act(8)
        self.first, self.norm = _linear(n, 8, 6, per_channel), nn.BatchNorm1d(8)
        self.cut = qnn.QuantReLU(bit_width=5, return_quant_tensor=False)
        self.second = _linear(8, 5, 4, per_channel)
        self.cut2 = _act(7)
        self.last = _linear(5, 3, 6, per_channel)

    def forward(self, x: Tensor) -> Tensor:
        """Map (B, n) to (B, 3)."""
        x = self.cut(torch.relu(self.norm(self.first(self.take(x)))))
        return self.last(self.cut2(torch.relu(self.second(x))))


class DeepSets(nn.Module):
    """An MLP for each candidate, the mean over them, an MLP of the jet."""

    def __init__(self, n: int = 3, pool: str = "mean") -> None:
        super().__init__()
        self.take = _act(8)
        self.phi, self.cut = _linear(n, 6, 6, True), qnn.QuantReLU(bit_width=6, return_quant_tensor=False)
        self.pooled = _act(8)
        self.rho, self.cut2 = _linear(6, 4, 6, True), qnn.QuantReLU(bit_width=6, return_quant_tensor=False)
        self.last = _linear(4, 2, 6, False)
        self.pool = pool

    def forward(self, x: Tensor) -> Tensor:
        """Map (B, N, n) to (B, 2)."""
        x = self.cut(self.phi(self.take(x)))
        x = x.mean(dim=1) if self.pool == "mean" else x.amax(dim=1) if self.pool == "max" else x.sum(dim=1)
        return self.last(self.cut2(self.rho(self.pooled(x))))


class Transformer(nn.Module):
    """One block: multi-head attention written out, residual sums, a feed-forward part, the mean over candidates."""

    def __init__(self, n: int = 3, channels: int = 4, heads: int = 2, norm: bool = False) -> None:
        super().__init__()
        self.heads, self.d = heads, channels // heads
        self.take, self.embed, self.stream = _act(8), _linear(n, channels, 6, False), _act(8)
        self.norm = nn.LayerNorm(channels) if norm else nn.Identity()
        self.norm_cut = _act(8) if norm else nn.Identity()
        self.q, self.k, self.v = (_linear(channels, channels, 6, True) for _ in range(3))
        self.q_cut, self.k_cut, self.v_cut = _act(8), _act(8), _act(8)
        self.scores, self.weights = _act(8), qnn.QuantIdentity(bit_width=8, signed=False, return_quant_tensor=False)
        self.mixed, self.out, self.added = _act(8), _linear(channels, channels, 6, False), _act(8)
        self.up, self.relu = _linear(channels, 8, 6, True), qnn.QuantReLU(bit_width=8, return_quant_tensor=False)
        self.down, self.added2, self.mean, self.last = (
            _linear(8, channels, 6, False),
            _act(8),
            _act(8),
            _linear(4, 1, 6, False),
        )

    def _split(self, x: Tensor) -> Tensor:
        return x.reshape(x.shape[0], x.shape[1], self.heads, self.d).transpose(1, 2)

    def forward(self, x: Tensor) -> Tensor:
        """Map (B, N, n) to (B, 1)."""
        x = self.stream(self.embed(self.take(x)))
        y = self.norm_cut(self.norm(x))
        q, k, v = (
            self._split(cut(part(y)))
            for part, cut in ((self.q, self.q_cut), (self.k, self.k_cut), (self.v, self.v_cut))
        )
        scores = self.scores(q @ k.transpose(-2, -1) / self.d**0.5)
        mixed = self.mixed(self.weights(torch.softmax(scores, dim=-1)) @ v)
        mixed = mixed.transpose(1, 2).reshape(x.shape[0], x.shape[1], -1)
        x = self.added(x + self.stream(self.out(mixed)))
        x = self.added2(x + self.stream(self.down(self.relu(self.up(x)))))
        return self.last(self.mean(x.mean(dim=1)))
