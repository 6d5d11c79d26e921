"""Integer-exact ops, one file each: the integer program, its float surrogate for training, its module."""
