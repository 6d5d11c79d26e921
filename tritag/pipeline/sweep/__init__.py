"""Sweeps: a grid or a search over taggers and designs, its table and front, and the run to deploy."""
