"""Layers of taggers in plain PyTorch, and the geometry they compute: modules and functions, no network."""
