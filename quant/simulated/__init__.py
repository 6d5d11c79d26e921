"""Simulated recipes: fake-quantized float networks without an exact form, for comparison only."""
