"""Jets as a tagger sees them: codes on the trigger grid, cached inputs, progress of a pass over them."""
