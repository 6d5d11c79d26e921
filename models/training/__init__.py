"""The training loop and what belongs to it: settings, batches, validation, checkpoints, weights."""
