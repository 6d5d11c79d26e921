"""Taggers in plain PyTorch: layers, nets, registry, training loop, metrics."""
