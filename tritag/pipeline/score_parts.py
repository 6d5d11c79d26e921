"""Parts of a scoring that may be interrupted: integers of some jets each, in a folder, in the order of the jets.

Each part carries the digest of its content, because its numbers go into a file that nobody compares with the tagger
again. Parts behind a damaged one are scored anew.
"""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import NoReturn

import numpy as np
from numpy.typing import NDArray

from tritag.errors import RunError
from tritag.files import JsonObject, atomic_path, write_json
from tritag.seals import seal, unseal
from tritag.structured import read_json_if_there
from tritag.terminal import print_progress

KIND = np.dtype("<i4")
_ADVICE = "its jets must be scored again"


class ScoreParts:
    """The parts in ``folder``, of scores with so many ``outputs``.

    Parameters
    ----------
    folder : Path
        Made when it is missing; holds nothing else.
    state : dict
        What decides about the scores: parts of anything else are removed.
    outputs : int
        Integers for each jet.
    """

    def __init__(self, folder: Path, state: JsonObject, outputs: int) -> None:
        self.folder, self.outputs = folder, outputs
        noted = folder / "state.json"
        if not _is_noted(noted, state):
            if folder.exists():
                print_progress(
                    "an interrupted scoring of other jets, another run or other sources lies here; it is begun anew"
                )
                shutil.rmtree(folder)
            folder.mkdir(parents=True)
            write_json(noted, state)
        self.jets = 0
        paths = sorted(folder.glob("*.part"))
        for i, path in enumerate(paths):
            try:
                if path != self._path(self.jets):
                    _refuse(path)
                self.jets += len(self._read(path))
            except RunError as error:
                print_progress(f"{error}")
                for later in paths[i:]:
                    later.unlink()
                break

    def add(self, integers: NDArray[np.int32]) -> None:
        """Keep the scores of the next jets (n, outputs)."""
        with atomic_path(self._path(self.jets)) as temporary:
            temporary.write_bytes(seal(integers.astype(KIND).tobytes()))
        self.jets += len(integers)

    def __iter__(self) -> Iterator[NDArray[np.int32]]:
        """Scores (n, outputs) of each part.

        Raises
        ------
        RunError
            A part was damaged or removed since it was written.
        """
        done = 0
        while done < self.jets:
            part = self._read(self._path(done))
            yield part
            done += len(part)

    def _path(self, first: int) -> Path:
        return self.folder / f"{first:012}.part"

    def _read(self, path: Path) -> NDArray[np.int32]:
        if not path.is_file():
            raise RunError(f"{path} must be there, but is gone; {_ADVICE}")
        content = unseal(path, RunError, _ADVICE)
        if not content or len(content) % (self.outputs * KIND.itemsize):
            _refuse(path)
        return np.frombuffer(content, KIND).reshape(-1, self.outputs)


def _is_noted(path: Path, state: JsonObject) -> bool:
    try:
        return bool(read_json_if_there(path) == state)
    except RunError:  # damaged: begun anew
        return False


def _refuse(path: Path) -> NoReturn:
    raise RunError(f"{path} must follow the part before it, and hold whole jets; {_ADVICE}")
