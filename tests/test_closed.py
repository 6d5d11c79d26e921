"""Readers of texts and archives are closed: one line with file, place and advice, and no memory taken before."""

from __future__ import annotations

import errno
import io
import os
import time
import zipfile
from pathlib import Path

import numpy as np
import pytest

from tests.helpers.taggers import TINY
from tritag.archive import read_npz
from tritag.cli import run
from tritag.closed import closed, require_memory
from tritag.configs import load_config
from tritag.data.simulation.config import load_data_config
from tritag.errors import ConfigError, DataError, RunError, TritagError, one_line, short
from tritag.export.model_file import read_model
from tritag.files import write_json
from tritag.models.nets.registry import TaggerConfig, make_tagger
from tritag.models.training.checkpoint import append_history, read_history
from tritag.models.training.weights import read_weights
from tritag.pipeline.study.table import replace_section
from tritag.structured import parse_json, parse_yaml, read_json, read_yaml

BOMB = "\n".join(f"a{i}: &a{i} [{', '.join([f'*a{i - 1}'] * 9) if i else 'x'}]" for i in range(9)) + "\nnetwork: *a8\n"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (BOMB, "more than 20000 values when aliases are expanded in line 6"),
        ("a: 1\nb: 2\na: 3\n", "the key 'a' must stand once, it stands twice in line 3, column 1"),
        ("x:\n  - {k: 1, k: 1}\n", "the key 'k' must stand once"),
        ("a: &a [*a]\n", "must be YAML"),
        ("a: &a\n  b: *a\n", "must not hold itself in line 1"),
        ("[" * 45 + "]" * 45, "nested over 40 deep"),
        ("[" * 1200, "nested too deeply"),
        ("a: [1\n", r"must be YAML: expected .* in line 2, column 1"),
        ("a: \x1b[31m\n", r"must be YAML, but it is truncated or damaged \(unacceptable character #x001b"),
        ("a: 2024-99-99\n", "month must be in 1..12"),
        ("x" * 100_001, "at most 100,000"),
    ],
)
def test_yaml(tmp_path: Path, text: str, message: str) -> None:
    path = tmp_path / "settings.yaml"
    path.write_text(text)
    began = time.perf_counter()
    with pytest.raises(ConfigError, match=message) as caught:
        load_config("taggers", path)
    assert len(str(caught.value)) < 600
    assert "\n" not in str(caught.value)
    assert str(path) in str(caught.value)
    assert time.perf_counter() - began < 5


def test_texts_are_utf8(tmp_path: Path) -> None:
    path = tmp_path / "settings.yaml"
    path.write_bytes("summary: ö\nb: 1\n".encode())
    assert load_config("taggers", path) == {"summary": "ö", "b": 1}
    path.write_bytes(b"b: 1\nsummary: \xf6\n")
    with pytest.raises(ConfigError, match="YAML in UTF-8, but byte 0xf6 in line 2 is not"):
        read_yaml(path)
    with pytest.raises(RunError, match="JSON in UTF-8, but byte 0xf6 in line 2 is not; again"):
        read_json(path, RunError, "again")
    write_json(path, {"a": [1]})
    path.write_bytes(b"\xef\xbb\xbf" + path.read_bytes())  # what Windows editors write in front
    assert read_json(path, RunError, "") == {"a": [1]}
    with pytest.raises(ConfigError, match="must be a file, got the folder"):
        read_yaml(tmp_path)
    os.mkfifo(tmp_path / "pipe.yaml")
    with pytest.raises(ConfigError, match="must be a file, got the device"):
        read_yaml(tmp_path / "pipe.yaml")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ('{"a": 1, "a": 2}', r"damaged \(the key 'a' must stand once, it stands twice\)"),
        ("[" * 100_000, "nested too deeply"),
        ('{"a": ', "damaged"),
        ("1" * 5000, "damaged"),
    ],
)
def test_json(text: str, message: str) -> None:
    with pytest.raises(RunError, match=message):
        parse_json(text, "step.json", RunError, "make it again")


def test_values_of_settings_are_shortened(tmp_path: Path) -> None:
    path = tmp_path / "data.yaml"
    for counts in ("{signal: 1.0e+30, background: 1}", "{signal: " + "9" * 31 + ", background: 1}"):
        path.write_text(f"train: {counts}\nval: {{signal: 1, background: 1}}\ntest: {{signal: 1, background: 1}}\n")
        with pytest.raises(ConfigError) as caught:
            load_data_config(path)
        assert len(str(caught.value)) < 400
    with pytest.raises(ConfigError, match="at most 100,000 characters, got 200,000"):
        parse_yaml("x" * 200_000, "--set")
    assert len(short(["x" * 10_000] * 1000)) <= 160
    assert one_line("a\x1b[31m\n b") == "a\\x1b[31m b"


def test_npz(tmp_path: Path) -> None:
    path = tmp_path / "jets.npz"

    def refused(message: str, n_max: int | None = None) -> None:
        with pytest.raises(DataError, match=message):
            read_npz(path, DataError, "make it again", n_max=n_max)

    np.savez_compressed(path, p4=np.zeros((10_000, 1000), np.float64))
    refused("must not unpack to more than 200 times its size, but .* claim to be 80,000,000")
    assert read_npz(path, DataError, "", n_max=3)["p4"].shape == (3, 1000)
    with zipfile.ZipFile(path, "w") as archive:
        header = io.BytesIO()
        np.lib.format.write_array_header_1_0(header, {"descr": "<f4", "fortran_order": False, "shape": (10**9, 200, 4)})
        archive.writestr("p4.npy", header.getvalue())
    for n_max in (None, 1):
        refused(r"tells the shape \(1000000000, 200, 4\), for which its data are too short", n_max)
    np.savez(path, p4=np.zeros(3))
    content = bytearray(path.read_bytes())
    content[content.rindex(b"PK\x01\x02") + 8] |= 1  # the flag of the directory's entry
    path.write_bytes(content)
    refused("must not be encrypted")
    np.savez(path, p4=np.array([{}]))
    refused("must hold numbers, got Python objects")


def test_memory_is_asked_for_first(monkeypatch: pytest.MonkeyPatch) -> None:
    require_memory(1 << 10, "jets.h5", DataError, "")
    monkeypatch.setattr("tritag.closed.free_memory", lambda: 3 * 10**9)
    with pytest.raises(DataError, match=r"jets.h5 needs 9.0 GB of memory, 3.0 GB are free; read fewer"):
        require_memory(9 * 10**9, "jets.h5", DataError, "read fewer")


@pytest.mark.parametrize(
    ("error", "message"),
    [
        (OSError(errno.EACCES, "Permission denied"), "x cannot be read: permission is denied"),
        (OSError(errno.ENAMETOOLONG, "long"), "its name is too long"),
        (MemoryError(), "asks for more memory than there is"),
        (RecursionError(), "nested too deeply"),
        (NotImplementedError("compression\n type 99"), r"truncated or damaged \(compression type 99\); copy it"),
        (KeyError(), r"damaged \(KeyError\)"),
    ],
)
def test_one_error_whatever_is_raised(error: Exception, message: str) -> None:
    with pytest.raises(DataError, match=message), closed("x", DataError, "whole", "copy it"):
        raise error
    with pytest.raises(RunError), closed("x", DataError, "whole", "copy it"):
        raise RunError("of tritag itself")


def test_files_of_a_run(tmp_path: Path) -> None:
    tagger = make_tagger(TaggerConfig("transformer", 4, dict(TINY)))
    (tmp_path / "weights.safetensors").write_bytes((2**40).to_bytes(8, "little") + b"{}")
    with pytest.raises(RunError, match="must be a whole safetensors file"):
        read_weights(tmp_path / "weights.safetensors", tagger)
    for text in ("5\n", '{"step": "x"}\n', '{"a": 1}\n', "{\n"):
        (tmp_path / "history.jsonl").unlink(missing_ok=True)
        append_history(tmp_path, {"step": 1})
        with (tmp_path / "history.jsonl").open("a") as file:
            file.write(text)
        with pytest.raises(RunError, match=r"history\.jsonl, line 2.? must be"):
            read_history(tmp_path)
    (tmp_path / "model.onnx").write_bytes(b"no model")
    with pytest.raises(TritagError, match=r"model\.onnx must be a whole ONNX file"):
        read_model(tmp_path / "model.onnx")


@pytest.mark.parametrize("name", ["x" * 300, "[/x]", "[bold]a", "a\x1b[31mb", "a b.npz", "ö.h5"])
def test_odd_names(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    for command in (["data", "check", name], ["data", "info", name], ["export", name], ["cost", f"{name}.yaml"]):
        assert run(command) == 2
        shown = capsys.readouterr().err
        assert "Traceback" not in shown
        assert "\x1b[31m" not in shown
    assert "[/x]" not in name or name in shown


def test_a_note_cannot_end_its_section(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    page.write_text("a\n<!-- study s -->\n<!-- end s -->\nb\n")
    for _ in range(2):
        replace_section(page, "s", "a row <!-- end s --> of notes\n")
    assert page.read_text() == "a\n<!-- study s -->\na row &lt;!-- end s --> of notes\n<!-- end s -->\nb\n"
