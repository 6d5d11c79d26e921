"""The environment: requirements are pinned, pins are installed, and make says what is missing."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import tomllib
from importlib.metadata import version
from pathlib import Path

import pytest
import yaml
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from packaging.version import Version

REPOSITORY = Path(__file__).resolve().parents[1]
PROJECT = tomllib.loads((REPOSITORY / "pyproject.toml").read_text())["project"]
PINS = {
    canonicalize_name(name): pin
    for name, pin in (
        line.split("==")
        for line in (REPOSITORY / "constraints.txt").read_text().splitlines()
        if not line.startswith("#")
    )
}
REQUIREMENTS = [
    Requirement(text)
    for group in (PROJECT["dependencies"], *PROJECT["optional-dependencies"].values())
    for text in group
    if not text.startswith("tritag[")
]


@pytest.mark.parametrize("requirement", REQUIREMENTS, ids=lambda requirement: requirement.name)
def test_a_requirement_is_pinned_and_the_pin_is_installed(requirement):
    pin = PINS[canonicalize_name(requirement.name)]
    assert requirement.specifier.contains(pin)
    assert Version(version(requirement.name)).public == pin, "make env, or freeze constraints.txt again"


def test_the_makefile_installs_the_pinned_torch():
    found = re.search(r"^TORCH \?= torch==(\S+)$", (REPOSITORY / "Makefile").read_text(), re.MULTILINE)
    assert found is not None
    assert found[1] == PINS["torch"]


def test_the_version_is_the_same_everywhere():
    citation = yaml.safe_load((REPOSITORY / "CITATION.cff").read_text())
    assert citation["version"] == PROJECT["version"] == version("tritag")


def _make(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    for name in ("Makefile", "pyproject.toml", "constraints.txt"):
        shutil.copy(REPOSITORY / name, folder)
    # not the options of the make that runs these tests
    environment = {name: value for name, value in os.environ.items() if not name.startswith(("MAKE", "MFLAGS"))}
    return subprocess.run(
        ["make", *arguments], cwd=folder, env=environment, capture_output=True, text=True, check=False
    )


def test_make_help_lists_the_targets(tmp_path):
    done = _make(tmp_path, "help")
    assert done.returncode == 0
    for target in ("demo", "train-mini", "hls-synth", "firmware-test", "test", "lint", "bench", "clean"):
        assert re.search(rf"^  {target} ", done.stdout, re.MULTILINE)


@pytest.mark.parametrize(
    ("python", "message"),
    [
        ("python3.99", "error: tritag needs Python 3.11, but 'python3.99' is not on PATH; install it"),
        ("false", "error: constraints.txt is for Python 3.11, but 'false' is "),
    ],
)
def test_make_without_the_right_python_says_so_and_leaves_nothing(tmp_path, python, message):
    done = _make(tmp_path, "env", f"PYTHON={python}")
    assert done.returncode != 0
    assert done.stderr.startswith(message)
    assert not (tmp_path / ".venv").exists()


def test_an_interrupted_installation_leaves_no_stamp(tmp_path):
    """The last step of the installation fails: the next call must take it up again."""
    fake = tmp_path / ".venv" / "bin" / "python"
    fake.parent.mkdir(parents=True)
    fake.write_text('#!/bin/sh\ncase "$*" in *"-e ."*) exit 1;; esac\n')
    fake.chmod(0o755)
    done = _make(tmp_path, "env")
    assert done.returncode != 0
    assert "-e '.[generate,readers,dev]'" in done.stdout
    assert not (tmp_path / ".venv" / ".stamp").exists()
