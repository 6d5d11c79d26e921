"""Number formats: fixed-point types, grids, tensors on grids, bits in use."""
