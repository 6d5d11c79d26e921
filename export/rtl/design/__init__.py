"""Whole designs: kernels placed on a time axis, their layouts, and the search for the best."""
