"""A small sample of generated jets that travels with the package, for tests and first tries.

It is the set ``tiny`` (configs/data/tiny.yaml) cut to the 64 leading constituents of each jet; `write_sample` made it.
"""

from __future__ import annotations

from dataclasses import replace
from importlib.resources import as_file, files
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from tritag.data.jets.jets import JetBatch
from tritag.data.jets.store import read_info, read_jets, read_ragged, write_jets
from tritag.data.simulation.generate import ensure_data

N_CONSTITUENTS = 64
_NAME = "jets400.h5"
# float32 has 24 bits; the last three cost a tenth of the file and are below any detector's precision
_MANTISSA_BITS = 21


def read_sample(split: str | None = None) -> JetBatch:
    """The sample's jets, padded to 64 constituents: 400 in all, 200 of them tops; split "train" has 200 of the 400.

    Raises
    ------
    DataError
        The file is missing or damaged.
    """
    with as_file(files("tritag.data").joinpath("sample", _NAME)) as path:
        return read_jets(path, split=split, n_constituents=N_CONSTITUENTS)


def write_sample(path: Path | str) -> str:
    """Generate the set ``tiny`` if needed and write the sample to ``path``; return its content digest."""
    source = ensure_data("tiny")
    info, jets = read_info(source), read_ragged(source)
    cut = jets.leading(N_CONSTITUENTS)
    cut = replace(cut, px=_rounded(cut.px), py=_rounded(cut.py), pz=_rounded(cut.pz))
    return write_jets(
        path,
        cut,
        splits=info.splits,
        settings=info.settings,
        versions=info.versions,
        seed=info.seed,
        compression="gzip",
    )


def _rounded(values: NDArray[np.float32]) -> NDArray[np.float32]:
    mantissa, exponent = np.frexp(values)
    return np.ldexp(np.rint(np.ldexp(mantissa, _MANTISSA_BITS)), exponent - _MANTISSA_BITS).astype(np.float32)
