"""Jets in memory and on disk: arrays, the HDF5 store, the trigger grid, crafted jets."""
