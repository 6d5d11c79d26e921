"""tritag: ultra-mini jet taggers from PyTorch to bit-exact FPGA trigger firmware."""

from tritag._version import __version__

__all__ = ["__version__"]
