"""What the bit penalty adds up: the effective bit operations of every layer that multiplies, in training."""

from __future__ import annotations

from typing import Any

from torch import Tensor, nn


class Meter:
    """Reading of one layer. It is off until a penalty asks for it, and then taken anew at every training step."""

    def __init__(self) -> None:
        self.on, self.reading = False, None

    reading: Tensor | float | None

    def __deepcopy__(self, memo: Any) -> Meter:
        copied = Meter()
        copied.on = self.on  # a reading belongs to one step of one network, and cannot be copied with its gradient
        return copied

    def read(self, layer: Any, *inputs: Any) -> None:
        """Note ``layer.bit_operations(*inputs)`` when the meter is on and the layer in training."""
        if self.on and layer.training:
            self.reading = layer.bit_operations(*inputs)


def meters(network: nn.Module) -> list[Meter]:
    """All meters inside a network, in the order of its modules."""
    found = (getattr(module, "meter", None) for module in network.modules())
    return [meter for meter in found if isinstance(meter, Meter)]
