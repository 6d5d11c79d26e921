"""The name and version under which an artefact goes out: every name in it begins with them.

Two taggers may stand in one process, one simulator and one Vivado project without meeting in a name, because modules,
memories, namespaces, header guards, C functions and libraries all carry ``NAME_vN``.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from tritag.errors import ConfigError

DEFAULT_VERSION = 1
# Names of kernels and the ends of files come behind it: what file systems and tools take is 255 characters.
MAX_LENGTH = 100
_NAME = re.compile(r"[A-Za-z_]\w*", re.ASCII)


@dataclass(frozen=True)
class Naming:
    """Name and version of an artefact, and the names that follow from them.

    Parameters
    ----------
    name : str
        Letters, digits and underscores, not first a digit; at most 100 characters.
    version : int
        0 or more; it goes up when the numbers of a published artefact change.

    Raises
    ------
    ConfigError
        Another name or version.

    Examples
    --------
    >>> naming = Naming("jet_tagger", 2)
    >>> naming.full, naming.prefix, naming.namespace, naming.guard("defines.h"), naming.library
    ('jet_tagger_v2', 'jet_tagger_v2_', 'hls4ml_jet_tagger_v2', 'jet_tagger_v2_DEFINES_H_', 'jet_tagger_v2.so')
    """

    name: str
    version: int = DEFAULT_VERSION

    def __post_init__(self) -> None:
        if not _NAME.fullmatch(self.name) or len(self.name) > MAX_LENGTH:
            raise ConfigError(
                f"--name must be letters, digits and '_', not first a digit, at most {MAX_LENGTH} of them, "
                f"got {self.name!r}"
            )
        if isinstance(self.version, bool) or not isinstance(self.version, int) or self.version < 0:
            raise ConfigError(f"--version must be a whole number >= 0, got {self.version!r}")

    @classmethod
    def of_run(cls, run: str, name: str | None = None, version: int | None = None) -> Naming:
        """The naming that was asked for; by default the name of the run's directory, whose digest makes it unique.

        >>> Naming.of_run("transformer-2k-k16-0a1b2c3d").full
        'transformer_2k_k16_0a1b2c3d_v1'
        """
        return cls(default_name(run) if name is None else name, DEFAULT_VERSION if version is None else version)

    @property
    def full(self) -> str:
        """``NAME_vN``: the top module or function, and the folder."""
        return f"{self.name}_v{self.version}"

    @property
    def prefix(self) -> str:
        """``NAME_vN_``: what every other module, memory and C function begins with."""
        return f"{self.full}_"

    @property
    def namespace(self) -> str:
        """C++ namespace, as the experiments' emulators have it."""
        return f"hls4ml_{self.full}"

    @property
    def library(self) -> str:
        """File of the shared library that a loader finds by ``NAME_vN``."""
        return f"{self.full}.so"

    def guard(self, header: str) -> str:
        """Include guard of a header file, by its name."""
        return f"{self.prefix}{re.sub('[^A-Za-z0-9]', '_', header).upper()}_"


def default_name(run: str) -> str:
    """A run directory's name as a name of an artefact; a long one loses its beginning, not its digest.

    >>> default_name("2k-tagger-0a1b2c3d")
    'run_2k_tagger_0a1b2c3d'
    """
    text = re.sub(r"\W", "_", run, flags=re.ASCII)
    text = text if _NAME.fullmatch(text) else f"run_{text}"
    return text if len(text) <= MAX_LENGTH else f"run_{text[4 - MAX_LENGTH :]}"


__all__ = ["Naming", "default_name"]
