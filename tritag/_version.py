"""The version, read from the installed distribution so that it is written down once (pyproject.toml)."""

from importlib.metadata import version

__version__ = version("tritag")
