"""Jets: generator, readers of public sets, trigger grid, HDF5 cache."""
