"""Checks of jet files against reference figures and against each other."""
