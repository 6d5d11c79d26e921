"""What users install: sdist, then wheel, then an import from it, all without a network."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
import tarfile
import tomllib
import zipfile
from pathlib import Path

import pytest

from tests.helpers.rooms import SOURCES

DATA_SUFFIXES = {
    ".yaml",
    ".h",
    ".html",
    ".css",
    ".v",
    ".sv",
    ".tcl",
    ".typed",
    ".npz",
    ".safetensors",
    ".json",
    ".jsonl",
}

USE_IT = """
import json, sys
import tritag.models, tritag.quant.formats.fixed, tritag.cli
from tritag.configs import config_names, load_config
from tritag.models.nets.registry import count_parameters, load_tagger_config, make_tagger
tagger = make_tagger(load_tagger_config("transformer-2k"))
print(json.dumps({
    "files": [tritag.__file__, tritag.models.__file__, tritag.quant.formats.fixed.__file__, tritag.cli.__file__],
    "taggers": config_names("taggers"),
    "parameters": count_parameters(tagger),
}))
"""


def _files(repository: Path, folder: str) -> list[Path]:
    built = {"__pycache__", "build"}
    return [
        path
        for path in (repository / folder).rglob("*")
        if path.is_file() and not built & set(path.relative_to(repository).parts)
    ]


@pytest.fixture(scope="module")
def source(repository: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Copy of what the build reads, so that it leaves nothing in the checkout."""
    copy = tmp_path_factory.mktemp("source")
    for name in ("pyproject.toml", "README.md", "LICENSE", "constraints.txt"):
        shutil.copy(repository / name, copy)
    for folder in SOURCES:
        shutil.copytree(repository / folder, copy / folder, ignore=shutil.ignore_patterns("__pycache__", "build"))
    return copy


@pytest.fixture(scope="module")
def built(source: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """Sdist, and the wheel that is made from it (not from the checkout)."""
    output = tmp_path_factory.mktemp("dist")
    command = [sys.executable, "-m", "build", "--no-isolation", "--outdir", str(output), str(source)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]
    (sdist,) = output.glob("*.tar.gz")
    (wheel,) = output.glob("*.whl")
    return sdist, wheel


def _wheel_names(wheel: Path) -> set[str]:
    with zipfile.ZipFile(wheel) as archive:
        return set(archive.namelist())


def test_every_package_of_the_rooms_is_listed(repository):
    settings = tomllib.loads((repository / "pyproject.toml").read_text())["tool"]["setuptools"]
    found = set()
    for folder in SOURCES:
        for path in _files(repository, folder):
            if path.name == "__init__.py":
                name = ".".join(path.relative_to(repository).parent.parts)
                found.add(name if folder == "tritag" else f"tritag.{name}")
    assert found == set(settings["packages"]), (
        "keep [tool.setuptools] packages in pyproject.toml and the folders the same"
    )


def test_the_wheel_has_one_top_level(built):
    names = {name.split("/")[0] for name in _wheel_names(built[1])}
    assert {name for name in names if not name.endswith(".dist-info")} == {"tritag"}


def test_the_wheel_holds_every_source_and_data_file(built, repository):
    names = _wheel_names(built[1])
    missing = []
    for folder in SOURCES:
        for path in _files(repository, folder):
            if path.suffix == ".py" or path.suffix in DATA_SUFFIXES or path.name == "py.typed":
                inside = path.relative_to(repository).as_posix()
                inside = inside if folder == "tritag" else f"tritag/{inside}"
                missing += [] if inside in names else [inside]
    assert not missing, f"add a pattern to [tool.setuptools.package-data]: {missing}"


def test_the_sdist_holds_the_licence_and_the_configurations(built):
    with tarfile.open(built[0]) as archive:
        names = {name.split("/", 1)[-1] for name in archive.getnames()}
    assert {"LICENSE", "README.md", "pyproject.toml", "configs/taggers/transformer-2k.yaml"} <= names


def test_an_installed_wheel_works_away_from_the_checkout(built, tmp_path):
    target = tmp_path / "site"
    install = [
        sys.executable,
        "-m",
        "pip",
        "install",
        "--no-deps",
        "--no-index",
        "--target",
        str(target),
        str(built[1]),
    ]
    done = subprocess.run(install, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    # -S -P: neither the editable installation's hook nor the working directory may serve the import
    paths = [str(target), *(path for path in sys.path if path.endswith("site-packages"))]
    code = f"import sys; sys.path[:0] = {paths!r}\n{USE_IT}"
    used = subprocess.run(
        [sys.executable, "-S", "-P", "-c", code], capture_output=True, text=True, check=False, cwd=tmp_path
    )
    assert used.returncode == 0, used.stderr
    result = json.loads(used.stdout.splitlines()[-1])
    assert all(Path(name).is_relative_to(target) for name in result["files"])
    assert "transformer-2k" in result["taggers"]
    assert 1000 <= result["parameters"] <= 2100
