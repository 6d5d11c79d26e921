"""The documents: every link leads to a file, and to a heading in it, and every page can be reached."""

from __future__ import annotations

import re
import shlex
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from tests.helpers.pages import blocks_of
from tests.helpers.rooms import SOURCES
from tritag.cli import load_command
from tritag.commands import COMMANDS

ROOT = Path(__file__).resolve().parents[1]
PAGES = sorted([*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")])
FOLDERS = (*SOURCES, "tests", "firmware_tests", "benchmarks", "docs")
_LINK = re.compile(r"\[[^\]]*\]\(([^)\s]+)\)")
_TOCTREE = re.compile(r"```\{toctree\}\n(.*?)```", re.DOTALL)
_CODE = re.compile(r"```.*?```|`[^`\n]*`", re.DOTALL)


def links(page: Path) -> list[str]:
    """Targets of a page's links that stay in the repository."""
    text = _CODE.sub("", page.read_text(encoding="utf-8"))
    return [target for target in _LINK.findall(text) if "://" not in target]


def anchors(page: Path) -> set[str]:
    """Names under which the headings of a page can be linked to, as GitHub makes them."""
    headings = re.findall(r"^#+ (.+)$", page.read_text(encoding="utf-8"), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_links_lead_somewhere(page):
    wrong = []
    for target in links(page):
        name, _, anchor = target.partition("#")
        found = page.parent / name if name else page
        if not found.exists():
            wrong.append(f"{target}: no such file")
        elif anchor and anchor not in anchors(found):
            wrong.append(f"{target}: no such heading")
    assert not wrong, "\n".join(wrong)


@pytest.mark.parametrize(
    "page", [page for page in PAGES if page.name != "CHANGELOG.md"], ids=lambda page: str(page.relative_to(ROOT))
)
def test_named_files_exist(page):
    """A path in backquotes that begins with a folder of the repository; ``<name>`` and ``*`` in it stand for any."""
    named = re.findall(rf"`((?:{'|'.join(FOLDERS)})/[\w./-]*)(?:::[\w:]+)?`", page.read_text(encoding="utf-8"))
    assert not [name for name in named if not (ROOT / name).exists()]


def in_tables_of_contents(page: Path) -> list[str]:
    """Pages that a page of the site lists in its tables of contents."""
    listed = "\n".join(_TOCTREE.findall(page.read_text(encoding="utf-8")))
    return [f"{name}.md" for name in listed.split("\n") if name and not name.startswith(":")]


def test_tables_of_contents_name_pages():
    """And every page of the site stands in one of them."""
    listed = {(page.parent / name).resolve() for page in PAGES for name in in_tables_of_contents(page)}
    pages = {page for page in PAGES if (ROOT / "docs") in page.parents} - {ROOT / "docs" / "index.md"}
    assert listed == pages


def test_every_page_can_be_reached():
    reached, waiting = set(), [ROOT / "README.md"]
    while waiting:
        page = waiting.pop()
        reached.add(page)
        for target in [*links(page), *in_tables_of_contents(page)]:
            found = (page.parent / target.partition("#")[0]).resolve()
            inside = sorted(found.glob("*.md")) if found.is_dir() else [found]
            waiting += [p for p in inside if p.suffix == ".md" and p.is_file() and p not in reached]
    left_out = set(PAGES) - reached - {ROOT / "CHANGELOG.md"}
    assert not left_out, f"no page links to {sorted(str(page.relative_to(ROOT)) for page in left_out)}"


def test_the_glossary_has_each_word_once():
    rows = re.findall(r"^\| ([^|]+) \| (.+) \|$", (ROOT / "docs" / "glossary.md").read_text(), re.MULTILINE)
    words = [word for entry, _ in rows if entry not in ("word", "---") for word in entry.split(", ")]
    assert len(words) > 80
    assert len(words) == len(set(words)), sorted(word for word in set(words) if words.count(word) > 1)
    assert all(meaning.rstrip().endswith(".") for entry, meaning in rows if entry not in ("word", "---"))


def test_modules_and_targets_that_pages_run_exist():
    """``python -m MODULE`` and ``make TARGET``, in code blocks and in backquotes."""
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE))
    wrong = []
    for page in PAGES:
        code = "\n".join(_CODE.findall(page.read_text(encoding="utf-8")))
        for module in re.findall(r"python[\d.]* -m ((?:tests|benchmarks)[\w.]*)", code):
            wrong += [] if (ROOT / f"{module.replace('.', '/')}.py").is_file() else [f"{page.name}: {module}"]
        called = re.findall(r"(?:^|`)make ([a-z][a-z-]*)(?= |$|`|\n)", code, re.MULTILINE)
        wrong += [f"{page.name}: make {target}" for target in called if target not in targets]
    assert not wrong, "\n".join(wrong)


def test_links_that_leave_the_site_are_addresses():
    """They are followed by ``make linkcheck``, which needs the network."""
    found = {t for page in PAGES for t in _LINK.findall(_CODE.sub("", page.read_text(encoding="utf-8"))) if "://" in t}
    assert len(found) > 5
    parts = {target: urlsplit(target) for target in found}
    assert not [t for t, part in parts.items() if part.scheme != "https" or "." not in part.netloc]


def commands_in(page: Path) -> list[list[str]]:
    """Words of every call of tritag in the code blocks of a page, without redirections and comments."""
    calls = []
    for block in blocks_of(page, "(?:sh|console)"):
        for line in block.replace("\\\n", " ").splitlines():
            words = shlex.split(line.removeprefix("$ ").split(" # ")[0].split(" #")[0], comments=True)
            while words and re.fullmatch(r"[A-Z_]+=.*", words[0]):
                words = words[1:]
            if words and words[0] in ("tritag", ".venv/bin/tritag"):
                calls.append(words[1:])
    return calls


@pytest.mark.parametrize("page", [p for p in PAGES if commands_in(p)], ids=lambda page: str(page.relative_to(ROOT)))
def test_commands_and_their_options_exist(page):
    wrong = []
    for name, *rest in commands_in(page):
        if name not in COMMANDS:
            wrong += [] if name.startswith("-") else [f"{name}: no such command"]
            continue
        command = load_command(name)
        children = getattr(command, "commands", {})
        if children and rest and not rest[0].startswith("-"):
            command, rest = children.get(rest[0], command), rest[1:]
        known = {option for p in command.params for option in (*p.opts, *p.secondary_opts)} | {"--help", "-h"}
        given = {word.partition("=")[0] for word in rest if re.match(r"--?[A-Za-z]", word)}
        wrong += [f"{name} {option}: no such option" for option in sorted(given - known)]
    assert not wrong, "\n".join(wrong)
