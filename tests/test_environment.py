"""The environment: requirements are pinned, pins are installed, and make says what is missing."""

from __future__ import annotations

import hashlib
import os
import re
import shutil
import subprocess
import sys
import tomllib
import zipfile
from importlib.metadata import version
from pathlib import Path

import pytest
import yaml
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from packaging.version import Version

from tests.helpers import licences, lock

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


@pytest.mark.parametrize("text", PROJECT["dependencies"])
def test_a_requirement_of_the_core_has_an_upper_bound(text):
    assert any(s.operator in ("<", "==", "<=") for s in Requirement(text).specifier), text


def test_every_pin_has_hashes():
    """What make env installs are the files that were locked; only torch's file is the user's choice."""
    found = lock.locked()
    assert {name: version for name, (version, _) in found.items()} == {
        name: pin for name, pin in PINS.items() if name not in lock.APART
    }, "python -m tests.helpers.lock writes requirements.lock again"
    for name, (_, hashes) in found.items():
        assert hashes, name
        assert all(re.fullmatch(r"[0-9a-f]{64}", h) for h in hashes), name
    makefile = (REPOSITORY / "Makefile").read_text()
    assert makefile.index("--require-hashes --no-deps -r requirements.lock") < makefile.index("$(TORCH)\n")


def test_a_file_with_another_hash_is_not_installed(tmp_path):
    """pip itself refuses: the form of the lock file is one that it reads and holds to."""
    wheel = tmp_path / "tiny-1.0-py3-none-any.whl"
    with zipfile.ZipFile(wheel, "w") as archive:
        archive.writestr("tiny-1.0.dist-info/METADATA", "Metadata-Version: 2.1\nName: tiny\nVersion: 1.0\n")
        archive.writestr("tiny-1.0.dist-info/WHEEL", "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n")
        archive.writestr("tiny-1.0.dist-info/RECORD", "")
    for content, status in ((wheel.read_bytes(), 0), (b"another", 1)):
        digest = hashlib.sha256(content).hexdigest()
        (tmp_path / "r.lock").write_text(f"tiny==1.0 \\\n    --hash=sha256:{digest}\n")
        options = ["--dry-run", "--no-index", "--find-links", str(tmp_path), "--require-hashes", "--no-deps"]
        done = subprocess.run(
            [sys.executable, "-m", "pip", "install", *options, "-r", str(tmp_path / "r.lock")],
            capture_output=True, text=True, check=False,
        )  # fmt: skip
        assert done.returncode == status, done.stderr


def test_licences_and_bill_of_materials_are_those_of_what_is_installed():
    assert not licences.unpinned(), "freeze constraints.txt again"
    assert licences.PAGE.read_text(encoding="utf-8") == licences.page(), "python -m tests.helpers.licences"
    assert licences.BILL.read_text(encoding="utf-8") == licences.bill(), "python -m tests.helpers.licences"
    strict = licences.page().partition("| package |")[0]
    assert all(f"- {name} (" in strict for name in ("quantizers", "docutils", "pythia8mc"))


def test_the_makefile_installs_the_pinned_torch():
    found = re.search(r"^TORCH \?= torch==(\S+)$", (REPOSITORY / "Makefile").read_text(), re.MULTILINE)
    assert found is not None
    assert found[1] == PINS["torch"]


def test_the_version_is_the_same_everywhere():
    citation = yaml.safe_load((REPOSITORY / "CITATION.cff").read_text())
    assert citation["version"] == PROJECT["version"] == version("tritag")


def _make(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    for name in ("Makefile", "pyproject.toml", "constraints.txt", "requirements.lock"):
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
        ("python3.99", "error: tritag needs Python 3.11, 3.12 or 3.13, but 'python3.99' is not on PATH; install it"),
        ("false", "error: tritag needs Python 3.11, 3.12 or 3.13, but 'false' is "),
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
