"""README's two commands do what it says, with a small configuration."""

from __future__ import annotations

import os
import re
import subprocess
from pathlib import Path

import pytest

from tritag.export.naming import Naming
from tritag.structured import read_json_if_there

ROOT = Path(__file__).parents[1]
README = (ROOT / "README.md").read_text(encoding="utf-8")
SMALL = "--iterations 20 --set training.batch_size=64 --set training.validate_every=10"


def _commands() -> list[str]:
    """Lines of README's first code block, without comments."""
    block = re.search(r"```\w*\n(.*?)```", README, re.DOTALL)
    assert block is not None
    lines = [line.split("#")[0].strip() for line in block[1].splitlines()]
    return [line for line in lines if line]


def _make(command: str, *variables: str, **environment: str) -> subprocess.CompletedProcess[str]:
    # A make that runs the tests must not hand its own flags and workers down to the one under test.
    inherited = {k: v for k, v in os.environ.items() if not k.startswith(("MAKE", "MFLAGS", "PYTEST"))}
    return subprocess.run(
        [*command.split(), *variables],
        cwd=ROOT,
        env={**inherited, **environment},
        capture_output=True,
        text=True,
        check=False,
    )


def _verilog(output: str) -> dict[str, str]:
    """Rows of the last section of the table that a run ends with."""
    section = output[output.index("│ Verilog ") :].split("└")[0]
    cells = [[cell.strip() for cell in line.split("│")[2:4]] for line in section.splitlines() if "│" in line]
    return {what: figure for what, figure in cells if what}


def test_readme_shows_the_two_commands() -> None:
    assert _commands() == ["make", "make test"]


def test_readme_is_short_enough_to_read() -> None:
    assert len(README.splitlines()) <= 120


@pytest.mark.timeout(600)
def test_first_command_goes_the_whole_way(tmp_path: Path) -> None:
    sample = ROOT / "data" / "sample" / "jets400.h5"
    done = _make(_commands()[0], f"DATA={sample}", "K=4", f"DEMO_ARGS={SMALL}", TRITAG_RUNS=str(tmp_path))
    assert done.returncode == 0, done.stderr
    assert re.search(r"pytorch = hls4ml-csim\s*│\s*0 / [\d,]+ jets differ", done.stdout), done.stdout
    (run,) = tmp_path.glob("transformer-2k-k4-int8-ternary-*")
    figures = _verilog(done.stdout)
    rtl = read_json_if_there(run / "rtl.json")
    assert rtl["scenarios"]["back_to_back"]["jets"] >= 200
    assert figures["part"] == "xcvu13p, 4 SLRs"
    assert re.fullmatch(r"0 / [\d,]+ jets differ", figures["Verilog = ONNX Runtime"])
    assert figures["latency (measured)"] == f"{rtl['latency_cycles']} cycles"
    assert figures["II (measured)"] == "54 cycles"
    assert figures["clock (assumed)"] == "360.0 MHz, 2.7777 ns"
    assert figures["latency (at that clock)"] == f"{rtl['latency_cycles'] * 2.7777:,.0f} ns"
    for resource in ("LUT", "FF", "DSP", "BRAM_18K"):
        count = rtl["estimate"][resource.removesuffix("_18K").lower()]
        given = figures[f"{resource} (estimated)"]
        assert re.fullmatch(rf"{count:,} = [\d.]+% \(SLR [\d.]+%\)", given), given
    for name in (
        "model.qonnx.onnx",
        "csim.json",
        "verify.json",
        "report.html",
        f"rtl/{Naming.of_run(run.name).full}.v",
        f"hls/firmware/{Naming.of_run(run.name).full}.cpp",
    ):
        assert (run / name).is_file()


@pytest.mark.timeout(600)
def test_second_command_lints_and_tests() -> None:
    done = _make(_commands()[1], "PYTEST_ARGS=-q tests/test_configs.py")
    assert done.returncode == 0, done.stdout + done.stderr
    assert re.search(r"\d+ passed", done.stdout)


def test_links_lead_somewhere() -> None:
    for target in re.findall(r"\]\(([^)#]+)\)", README):
        assert (ROOT / target).exists(), target
