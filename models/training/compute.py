"""Where a training or an evaluation computes: the processor, and how.

None of this is part of a run's settings: another device rounds sums in another order, as another processor does, and
the integers of a run depend on its weights alone. What was used stands in the run's provenance.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import nn

from tritag.environment import default_device
from tritag.errors import ConfigError, short

_KNOWN = re.compile(r"cpu|cuda(:\d{1,3})?")
# What cuBLAS needs for sums in one order (PyTorch: reproducibility).
_WORKSPACE, _IN_ORDER = "CUBLAS_WORKSPACE_CONFIG", ":4096:8"


@dataclass(frozen=True)
class Compute:
    """Device of a training or an evaluation.

    Attributes
    ----------
    device : str
        ``cpu``, ``cuda`` or ``cuda:1``; by default ``$TRITAG_DEVICE``, else ``cpu``.
    deterministic : bool
        Only operations that give the same bits every time. A processor's always do; on a GPU that costs speed, and an
        operation without such a form is an error.
    compiled : bool
        Compile the network with ``torch.compile`` in float trainings; a quantized one says that it does not. Results
        differ in the last digits.
    """

    device: str = field(default_factory=default_device)
    deterministic: bool = False
    compiled: bool = False

    def find(self) -> torch.device:
        """The device.

        Raises
        ------
        ConfigError
            No such kind of device, or none on this machine.
        """
        if not _KNOWN.fullmatch(self.device):
            raise ConfigError(f"device must be cpu, cuda or cuda:NUMBER, got {short(self.device)}; correct it")
        device = torch.device(self.device)
        if device.type == "cuda":
            there = torch.cuda.device_count() if torch.cuda.is_available() else 0
            if (device.index or 0) >= there:
                built = "" if torch.version.cuda else " and is built without CUDA"
                raise ConfigError(
                    f"device {self.device} must be there, but PyTorch sees {there} GPUs{built}; choose --device cpu, "
                    "or install a driver and a PyTorch with CUDA"
                )
        return device

    def facts(self) -> dict[str, Any]:
        """What provenance says about it: the device, its name and CUDA's version where it is a GPU, and the choices."""
        device = self.find()
        about: dict[str, Any] = {"device": str(device), "deterministic": self.deterministic, "compiled": self.compiled}
        if device.type == "cuda":
            about |= {"device_name": torch.cuda.get_device_name(device), "cuda": torch.version.cuda}
        return about

    @contextmanager
    def placed(self, *networks: nn.Module) -> Iterator[torch.device]:
        """Move networks to the device; inside the block only operations in order run, when they were asked for.

        Raises
        ------
        ConfigError
            As in :meth:`find`.
        """
        device, before = self.find(), torch.are_deterministic_algorithms_enabled()
        if self.deterministic and device.type == "cuda":
            os.environ.setdefault(_WORKSPACE, _IN_ORDER)
        torch.use_deterministic_algorithms(self.deterministic or before)
        try:
            for network in networks:
                network.to(device)
            yield device
        finally:
            torch.use_deterministic_algorithms(before)


__all__ = ["Compute"]
