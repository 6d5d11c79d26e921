"""Quantizers of weights and activations, and the linear layers that hold them."""
