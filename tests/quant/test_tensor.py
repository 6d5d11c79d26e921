"""Values on a grid: integers and back, the limit of float32, straight-through rounding."""

from __future__ import annotations

import pytest
import torch

from tritag.errors import ExportError
from tritag.quant.formats.fixed import Grid
from tritag.quant.formats.tensor import FixedTensor, check_float32, fake_quantize


def test_integers_and_back():
    for fraction in (-3, 0, 9):
        grid = Grid(-(2**23), 2**23 - 1, fraction)
        integers = torch.tensor([grid.low, -1, 0, 1, grid.high])
        tensor = FixedTensor.from_integers(integers, grid)
        assert tensor.value.dtype == torch.float32
        assert tensor.integers().tolist() == integers.tolist()
        assert tensor.value[1] == -(2.0**-fraction)


def test_selection_and_concatenation_keep_the_grid():
    grid = Grid(0, 9, 1)
    tensor = FixedTensor.from_integers(torch.arange(6).reshape(3, 2), grid)
    assert len(tensor) == 3
    assert tensor[1:].integers().tolist() == [[2, 3], [4, 5]]
    joined = FixedTensor.cat([tensor[2:], tensor[:1]])
    assert joined.grid == grid
    assert joined.integers().tolist() == [[4, 5], [0, 1]]
    assert tensor.reshape(2, 3).integers().tolist() == [[0, 1, 2], [3, 4, 5]]


def test_unknown_grid_is_an_error():
    with pytest.raises(ExportError, match=r"exact integers need the network in evaluation mode; call \.eval\(\) first"):
        FixedTensor(torch.zeros(1), None).integers()


@pytest.mark.parametrize("grid", [Grid(-(2**24) + 1, 2**24 - 1, 3), Grid(0, 1, 0)])
def test_float32_holds_24_bits(grid):
    assert check_float32(grid, "here") is grid


@pytest.mark.parametrize("grid", [Grid(0, 2**24, 0), Grid(-(2**24), 0, 5)])
def test_wider_grids_are_refused(grid):
    message = r"here: integers must fit 24 bits to be exact in float32, got 25 bits; give what goes in fewer bits"
    with pytest.raises(ExportError, match=message):
        check_float32(grid, "here")


def test_fake_quantization():
    grid = Grid(-8, 7, 2)
    x = torch.tensor([0.125, 0.375, 0.3, -2.6, 9.0, -1.75], requires_grad=True)
    y = fake_quantize(x, grid)
    assert (y * 4).tolist() == [0, 2, 1, -8, 7, -7]  # ties to even, both ends saturate
    y.sum().backward()
    assert x.grad is not None
    assert x.grad.tolist() == [1, 1, 1, 0, 0, 1]
