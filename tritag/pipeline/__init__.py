"""The steps from a tagger's name to firmware, as typed functions.

Each file is one step or one idea. A step takes an opened run, writes its files into the run directory and returns a
frozen dataclass whose ``as_dict`` is what the command line prints as JSON. The command line (``tritag.commands``) and
the public functions (``tritag.api``) are thin clients of these functions.
"""
