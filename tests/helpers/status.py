"""``python -m tests.helpers.status``: docs/status.md, which tagger, layer and op is tested in which back end.

What is tested is read from the tests' own lists of cases, so that the page says nothing that no test holds.
"""

from __future__ import annotations

import importlib
import re
from functools import cache
from pathlib import Path

from tests.helpers.layer_page import kinds
from tests.helpers.op_cases import OP_CASES
from tests.helpers.pins import NETWORKS
from tritag.models.nets.registry import TaggerConfig, load_tagger_config, make_tagger, tagger_names
from tritag.quant.layers.factory import quantized_form
from tritag.quant.simulated.forms import simulated_form

REPOSITORY = Path(__file__).resolve().parents[2]
PAGE = REPOSITORY / "docs" / "status.md"
MARK = "<!-- below: python -m tests.helpers.status -->\n"
_ASKED = re.compile(r"layers\(\s*(?:\w+\.)?([A-Z]\w+)")


def _list(module: str, name: str) -> dict:
    return getattr(importlib.import_module(module), name)


BACK_ENDS = ("C-simulation", "emulator", "Verilog")


def _kinds_in(config: TaggerConfig) -> frozenset[str]:
    """Kinds of layers with a quantized form in a tagger, by name."""
    modules = make_tagger(config).modules()
    return frozenset(type(m).__name__ for m in modules if quantized_form(type(m)) is not None)


@cache
def kinds_of(name: str) -> frozenset[str]:
    """Kinds of layers in a tagger of the registry, by name."""
    return _kinds_in(load_tagger_config(name))


@cache
def tested() -> dict[str, frozenset[str]]:
    """Kinds of layers in the taggers that a test compares integer by integer, by back end."""
    chains = [(network, sizes) for network, _, _, sizes, _ in _list("firmware_tests.test_tagger", "TAGGERS").values()]
    verilog = list(_list("firmware_tests.test_rtl", "TAGGERS").items())
    cases = zip(BACK_ENDS, (chains, list(NETWORKS.values()), verilog), strict=True)
    return {
        back_end: _asked_for().union(*(_kinds_in(TaggerConfig(network, 4, dict(sizes))) for network, sizes in taggers))
        for back_end, taggers in cases
    }


def _asked_for() -> frozenset[str]:
    """Kinds that the layers' own test takes through every back end."""
    return frozenset(_ASKED.findall((REPOSITORY / "firmware_tests" / "test_layers.py").read_text(encoding="utf-8")))


def _state(is_tested: bool) -> str:
    return "stable" if is_tested else "beta"


def taggers() -> str:
    """A row for each tagger of the registry."""
    lines = ["| tagger | network | C-simulation | emulator | Verilog |", "|---|---|---|---|---|"]
    for name in tagger_names():
        network = load_tagger_config(name).network
        states = [_state(kinds_of(name) <= tested()[back_end]) for back_end in BACK_ENDS]
        lines.append(f"| `{name}` | {network} | {' | '.join(states)} |")
    return "\n".join(lines)


def layers() -> str:
    """A row for each kind of layer."""
    lines = ["| layer | in | C-simulation | emulator | Verilog | simulated recipes |", "|---|---|---|---|---|---|"]
    for kind in sorted(kinds(), key=lambda kind: kind.__name__):
        name = kind.__name__
        users = sorted({load_tagger_config(tagger).network for tagger in tagger_names() if name in kinds_of(tagger)})
        states = [_state(name in tested()[back_end]) for back_end in BACK_ENDS]
        form = "own form" if simulated_form(kind) is not None else "as in float"
        lines.append(f"| `{name}` | {', '.join(users) or 'plug-ins'} | {' | '.join(states)} | {form} |")
    return "\n".join(lines)


def ops() -> str:
    """A row for each op page, with its cases."""
    simulated = _list("tests.export.rtl.test_simulation", "OPS")
    programs: dict[str, list[str]] = {}
    for case, make in OP_CASES.items():
        programs.setdefault(make()[0].program.name, []).append(case)
    lines = ["| program | cases | PyTorch, ONNX, QONNX, C++, emulator | Verilog alone |", "|---|---|---|---|"]
    for name, cases in sorted(programs.items()):
        alone = _state(any(case in simulated for case in cases))
        lines.append(f"| `{name}` | {len(cases)} | stable | {alone} |")
    return "\n".join(lines)


def page() -> str:
    """The page: its text by hand, and the tables."""
    text = PAGE.read_text(encoding="utf-8").partition(MARK)[0]
    return f"{text}{MARK}\n## Taggers\n\n{taggers()}\n\n## Layers\n\n{layers()}\n\n## Ops\n\n{ops()}\n"


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
