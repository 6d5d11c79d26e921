"""Readers of jet files, one file a format, and the conversion into tritag's own."""
