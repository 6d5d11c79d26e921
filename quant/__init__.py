"""Number formats, Brevitas quantizers, integer-exact ops, recipes, cost model."""
