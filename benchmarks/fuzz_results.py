"""Whole files of studies, scores, caches and packages, and how they are read."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import tarfile
from pathlib import Path
from typing import NoReturn

import numpy as np

from benchmarks.fuzz_case import Case, digest, in_folder
from tritag.build_cache import CONTENTS, built
from tritag.closed import closed
from tritag.configs import load_config
from tritag.data.readers.formats import read_any
from tritag.errors import DataError, TritagError
from tritag.export.rtl.tools.synthesis import Figures, Job
from tritag.hls_projects.package.archive import SUMS, with_checksums, write_archive
from tritag.pipeline.score_parts import ScoreParts
from tritag.pipeline.study.config import load_study
from tritag.pipeline.study.table import replace_section
from tritag.run import Run
from tritag.seals import seal

_PAGE = "# Results\n\n<!-- study ladder -->\n| old |\n<!-- end ladder -->\n\nWhat it says, in ± of ö.\n"
_STATE = {"run": "fuzz", "jets": "12ab"}


def _refused(what: str) -> NoReturn:
    raise TritagError(f"{what} must be whole; it is made again")


def _read_study(path: Path) -> str:
    return digest(load_study(str(path)))


def _read_page(path: Path) -> str:
    page = in_folder(path, "results.md") / "results.md"
    replace_section(page, "ladder", "| new |\n")
    return digest(page.read_text(encoding="utf-8"))


def _read_codes(path: Path) -> str:
    batch = read_any(path)
    return digest(batch.p4, batch.n_constituents, batch.label, batch.classes)


def _read_scores(path: Path) -> str:
    folder = in_folder(path, "scores.npz")
    shutil.copy(path.parent / "config.yaml", folder)
    arrays = Run.open(folder).read_npz("scores.npz", ("scores", "labels"))
    return digest(arrays["scores"], arrays["labels"])


def _read_part(path: Path) -> str:
    parts = ScoreParts(_folder_of_parts(path), dict(_STATE), 2)
    return digest(*parts) if parts.jets else _refused("a part of a scoring")


def _folder_of_parts(path: Path) -> Path:
    folder = in_folder(path, "000000000000.part")
    shutil.copy(path.parent / "parts" / "state.json", folder)
    return folder


def _read_entry(path: Path) -> str:
    """An entry of a cache whose list, or whose only file, is the one at ``path``."""
    folder = in_folder(path, "damaged")
    shutil.copytree(path.parent / "entry", folder / "entry")
    shutil.copy(path, folder / "entry" / (CONTENTS if path.name.endswith(CONTENTS) else "tagger.so"))
    entry = built(folder / "entry", lambda new: _refused(str(new)))
    return digest(entry.facts, (entry.folder / "tagger.so").read_bytes())


def _read_figures(path: Path) -> str:
    os.environ["TRITAG_CACHE"] = str(in_folder(path, "damaged"))  # of the child, which ends with this
    job = Job.of("m", "module m ();\nendmodule\n", {})
    job.entry.parent.mkdir(parents=True)
    shutil.copy(path, job.entry)
    found = job.known()
    return _refused("Yosys' figures") if found is None else digest(found)


def _read_package(path: Path) -> str:
    """As who receives it: unpacked, and each file compared with its checksum (``sha256sum -c``)."""
    with closed(path, DataError, "a package of tritag", "fetch it again"), tarfile.open(path) as archive:
        files = {entry.name: archive.extractfile(entry) for entry in archive.getmembers()}
        content = {name: file.read() for name, file in files.items() if file is not None}
    sums = content.get(f"tag_v1/{SUMS}", b"").decode("ascii", "replace").splitlines()
    listed = {f"tag_v1/{line[66:]}": line[:64] for line in sums}
    if not listed or {n: hashlib.sha256(content.get(n, b"")).hexdigest() for n in listed} != listed:
        _refused("a package")
    return digest(sorted((name, content[name]) for name in listed))


RESULTS: dict[str, Case] = {
    "YAML of a study": Case("study.yaml", _read_study),
    "page of a study": Case("page.md", _read_page),
    "npz of codes": Case("codes.npz", _read_codes),
    "scores of a run": Case("scores.npz", _read_scores, own=True),
    "part of a scoring": Case("first.part", _read_part, own=True),
    "list of a cache": Case(CONTENTS, _read_entry, own=True),
    "file of a cache": Case("tagger.so", _read_entry, own=True),
    "Yosys' figures": Case("figures.sealed", _read_figures, own=True),
    "package": Case("tag_v1.tar.gz", _read_package, own=True),
}


def write_results(folder: Path) -> None:
    """Write the whole files; the folder holds the settings of a run already."""
    (folder / "study.yaml").write_text(json.dumps(load_config("studies", "trigger"), indent=1))
    (folder / "page.md").write_text(_PAGE, encoding="utf-8")
    codes = np.zeros((6, 4, 3), np.int16)
    codes[:, :, 0] = np.arange(400, 0, -100)
    codes[:, :, 1:] = np.arange(48).reshape(6, 4, 2)
    np.savez(folder / "codes.npz", codes=codes, count=np.full(6, 4), label=np.arange(6) % 2)
    scores = np.linspace(-2, 3, 200, dtype=np.float32)
    np.savez_compressed(folder / "scores.npz", scores=scores, labels=np.arange(200) % 2)
    for name in ("parts", "entry"):
        shutil.rmtree(folder / name, ignore_errors=True)
    ScoreParts(folder / "parts", dict(_STATE), 2).add(np.arange(80, dtype=np.int32).reshape(40, 2))
    shutil.copy(folder / "parts" / "000000000000.part", folder / "first.part")
    library = b"\x7fELF" + bytes(range(256)) * 4

    def build(new: Path) -> dict[str, float]:
        (new / "tagger.so").write_bytes(library)
        return {"seconds": 1.5}

    built(folder / "entry", build)
    for name in (CONTENTS, "tagger.so"):
        shutil.copy(folder / "entry" / name, folder / name)
    figures = Figures(lut=120, ff=88, carry8=4, dsp=0, bram18=1, levels=5)
    (folder / "figures.sealed").write_bytes(seal(json.dumps(vars(figures)).encode()))
    files = {"README.md": "# tag\n" * 30, "verilog/tag.v": "module tag (); endmodule\n", "run.sh": "make\n"}
    write_archive(folder / "tag_v1.tar.gz", "tag_v1", with_checksums(files))
