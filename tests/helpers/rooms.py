"""The folders of the package's source."""

from __future__ import annotations

# In the order in which they import: each only those before it.
ROOMS = ("configs", "data", "models", "quant", "export", "hls_projects", "report")
# With the library and the commands, which use them all.
SOURCES = ("tritag", *ROOMS)
