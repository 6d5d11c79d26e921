"""Files of the user's own: loaded by content, kept by runs, refused in one line."""

from __future__ import annotations

import importlib.metadata
import os
import shutil
import sys
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path
from types import SimpleNamespace

import pytest
import yaml

from tests.helpers.advised import advised
from tests.helpers.jets import SAMPLE
from tritag import cli, plugins
from tritag.errors import ConfigError
from tritag.models.nets.registry import load_tagger_config, make_tagger
from tritag.pipeline import plugins as kept
from tritag.pipeline.opened import open_run
from tritag.plugin_files import read

EXAMPLE = Path(__file__).resolve().parents[1] / "examples" / "taggers"
NETWORK = """
from tritag.models.layers.linear import Linear
from tritag.models.layers.pool import MeanPool
from tritag.models.layers.scalars import N_SCALARS, JetScalars
from tritag.models.layers.tagger import Tagger

class Net(Tagger):
    def __init__(self, layers, n_constituents):
        super().__init__()
        self.scalars = layers(JetScalars, n_constituents)
        self.pool = layers(MeanPool, n_constituents)
        self.head = layers(Linear, N_SCALARS, layers.n_outputs, role="output")

    def inputs(self, codes, count):
        return self.scalars(codes, count)

    def score(self, inputs, count):
        return self.head(self.pool(inputs, count))
"""


@pytest.fixture(autouse=True)
def _fresh(monkeypatch: pytest.MonkeyPatch) -> None:
    """A process that has loaded no plug-in yet, as the next command is."""
    for name in ("_KNOWN", "_LOADED"):
        monkeypatch.setattr(plugins, name, {})
    for name in ("_REQUESTED", "_INSTALLED"):
        monkeypatch.setattr(plugins, name, [])
    monkeypatch.setattr(kept, "_SAID", set())


def forget() -> None:
    """Become another process: modules of plug-ins are gone."""
    for name in [name for name in sys.modules if name.startswith("tritag_plugins.")]:
        del sys.modules[name]
    plugins._KNOWN.clear()
    plugins._LOADED.clear()


def write(path: Path, text: str) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")
    return path


@pytest.mark.parametrize(
    ("source", "line", "reason"),
    [
        ("x = 1\ny = (\n", 2, "SyntaxError: '.' was never closed"),
        ("\n\nimport nothing_of_this_name\n", 3, "ModuleNotFoundError: No module named 'nothing_of_this_name'"),
        ("def f():\n    return 1 / 0\n\nf()\n", 2, "ZeroDivisionError: division by zero"),
        ("from .beside import x\n", 1, "ModuleNotFoundError"),
        ("import beside_it\n", 1, r"write 'from \.beside_it import \.\.\.' for a file beside it"),
        ("x = 1\nfrom ..above import y\n", 2, "relative imports must stay in"),
        (
            "from tritag.models.nets.registry import register\nfrom tritag.models.layers.tagger import Tagger\n"
            "import dataclasses\n\n@register('transformer', int)\nclass Mine(Tagger):\n    pass\n",
            5,
            r"network 'transformer' must be one class, got Transformer \(.*transformer\.py:\d+\) and Mine "
            r"\(.*broken\.py:5\); register another name",
        ),
        (
            "from tritag.models.layers.gelu import Gelu\nfrom tritag.quant.layers.factory import quantizes\n"
            "import tritag.quant.layers\n\n@quantizes(Gelu)\ndef mine(layers):\n    pass\n",
            5,
            r"Gelu must have one quantized form, got quantized_gelu \(.*linear\.py:\d+\) and mine \(.*broken\.py:5\)",
        ),
    ],
)
def test_a_plugin_that_fails_is_one_line_with_file_and_line(tmp_path, source, line, reason):
    make_tagger(load_tagger_config("transformer-2k"))
    write(tmp_path / "beside_it.py", "")
    path = write(tmp_path / "broken.py", source)
    with pytest.raises(ConfigError, match=rf"plug-in .*broken\.py:{line}: .*{reason}") as caught:
        plugins.use([path])
    assert "\n" not in str(caught.value)
    assert not plugins.used()
    assert not [name for name in sys.modules if name.startswith("tritag_plugins.broken")]


def test_what_is_no_plugin_is_refused(tmp_path):
    for path in (tmp_path / "missing.py", tmp_path, write(tmp_path / "net.txt", "")):
        with pytest.raises(ConfigError, match=r"a plug-in must be a Python file or a folder with __init__\.py, got"):
            plugins.use([path])
    with pytest.raises(ConfigError, match=r"must be one of a Python module, got 'my net\.py'; rename it"):
        plugins.use([write(tmp_path / "my net.py", "")])


def test_equal_content_is_loaded_once_and_changed_content_is_another(tmp_path):
    first = plugins.load(write(tmp_path / "a" / "net.py", "loaded = object()\n"))
    again = plugins.load(write(tmp_path / "a blank é" / "net.py", "loaded = object()\n"))
    assert again is first
    assert plugins.load(write(tmp_path / "a" / "net.py", "loaded = object() \n")).name != first.name
    assert not list(tmp_path.rglob("__pycache__"))


def test_files_beside_it_belong_to_it(tmp_path):
    write(tmp_path / "parts" / "layers" / "__init__.py", "from .one import x\n")
    write(tmp_path / "parts" / "layers" / "one.py", "from .. import deep\nx = deep.y\n")
    write(tmp_path / "parts" / "deep.py", "y = 7\n")
    write(tmp_path / "parts" / "unused.py", "z = 1\n")
    path = write(tmp_path / "parts" / "net.py", "from .layers import x\n")
    plugin = plugins.load(path)
    assert set(plugin.sources) == {"net.py", "layers/__init__.py", "layers/one.py", "deep.py"}
    assert plugins.attribute(f"{plugin.name}:x") == 7
    plugin.copy_to(tmp_path / "kept")
    forget()
    shutil.rmtree(tmp_path / "parts")
    plugins.load_copy(plugin.name, tmp_path / "kept")
    assert plugins.attribute(f"{plugin.name}:x") == 7
    forget()
    write(tmp_path / "kept" / plugin.name / "deep.py", "y = 8\n")
    with pytest.raises(ConfigError, match=r"must be as it was trained with .*, but it was edited"):
        plugins.load_copy(plugin.name, tmp_path / "kept")


def test_a_package_is_a_plugin(tmp_path):
    write(tmp_path / "mine" / "__init__.py", "from .net import y as x\n")
    write(tmp_path / "mine" / "net.py", "y = 3\n")
    plugin = plugins.load(tmp_path / "mine")
    plugin.copy_to(tmp_path / "kept")
    forget()
    assert plugins.load_copy(plugin.name, tmp_path / "kept").name == plugin.name
    assert plugins.attribute(f"{plugin.name}:x") == 3


def test_installed_packages_bring_networks(tmp_path, monkeypatch):
    source = NETWORK.replace("class Net", "@register('of-a-package', NoSizes)\nclass Net")
    source = f"from tritag.models.nets.registry import NoSizes, register\n{source}"
    write(tmp_path / "installed_here" / "__init__.py", "")
    write(tmp_path / "installed_here" / "nets.py", source)
    monkeypatch.syspath_prepend(tmp_path)
    point = importlib.metadata.EntryPoint("nets", "installed_here.nets", plugins.GROUP)
    monkeypatch.setattr(importlib.metadata, "entry_points", lambda group: [point] if group == plugins.GROUP else [])
    config = load_tagger_config(write(tmp_path / "mine.yaml", "network: of-a-package\n"))
    assert config.network.startswith("nets.py@")
    assert make_tagger(config).head.in_features == 7
    missing = SimpleNamespace(name="gone", value="gone", module="gone", dist=SimpleNamespace(name="a-package"))
    monkeypatch.setattr(importlib.metadata, "entry_points", lambda group: [missing])
    with pytest.raises(ConfigError, match="plug-in 'gone' of package a-package must be a module, got gone"):
        load_tagger_config(write(tmp_path / "mine.yaml", "network: unknown\n"))


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("Net = 3\n", "must be a subclass of tritag.models.layers.tagger.Tagger, got 3"),
        (NETWORK.replace("Net(", "Nett("), r"unknown name in .*net\.py 'Net'; did you mean 'Nett'\?"),
        (NETWORK.replace("n_constituents):", "n, sizes):"), r"must annotate 'sizes' .* got None in .*net\.py:7"),
        (NETWORK.replace("n_constituents):", "n, sizes: Missing):"), r"net\.py:8: NameError: name 'Missing'"),
        (
            f"from __future__ import annotations\n{NETWORK.replace('n_constituents):', 'n, sizes: Missing):')}",
            r"must annotate 'sizes' .* got 'Missing' in .*net\.py:8",
        ),
        (NETWORK.replace("n_constituents):", "n, a, b):"), r"must be made from \(layers, n_constituents, sizes\), got"),
    ],
)
def test_a_network_that_cannot_be_one_is_refused(tmp_path, text, message):
    write(tmp_path / "net.py", text)
    with pytest.raises(ConfigError, match=message):
        load_tagger_config(write(tmp_path / "mine.yaml", "network: net.py:Net\n"))


def test_an_error_inside_a_network_names_its_line(tmp_path, monkeypatch, capsys):
    monkeypatch.setenv("TRITAG_RUNS", str(tmp_path / "runs"))
    write(tmp_path / "net.py", NETWORK.replace("self.head(self", "self.hed(self"))
    path = write(tmp_path / "mine.yaml", "network: net.py:Net\ntraining: {batch_size: 64, iterations: 2}\n")
    assert cli.run(["train", str(path), "--data", str(SAMPLE), "-K", "4", "--precision", "float"]) == 2
    assert "net.py:18: AttributeError: 'Net' object has no attribute 'hed'" in capsys.readouterr().err


def test_worker_processes_know_the_plugins(tmp_path):
    plugins.use([write(tmp_path / "light.py", "x = 1\n")])
    with ProcessPoolExecutor(1, get_context("spawn"), plugins.use, (plugins.used_paths(),)) as pool:
        assert pool.submit(plugins.used).result() == plugins.used() != ()


def test_a_run_keeps_its_source_and_says_what_changed(tmp_path, monkeypatch, capsys):
    monkeypatch.setenv("TRITAG_RUNS", str(tmp_path / "runs"))
    folder = tmp_path / "my taggers"
    shutil.copytree(EXAMPLE, folder)
    extra = write(tmp_path / "extra.py", "x = 1\n")
    call = ["train", str(folder / "deep_sets.yaml"), "--plugin", str(extra), "--data", str(SAMPLE), "-K", "4"]
    call += ["--precision", "int8", "--iterations", "2", "--set", "training.batch_size=64", "--set", "sizes.channels=4"]
    assert cli.run(call) == 0
    assert not plugins.used()
    run = next((tmp_path / "runs").glob("deep_sets-k4-int8-*"))
    settings = yaml.safe_load((run / "config.yaml").read_text())["config"]  # beside it stands the call, for advice
    assert str(tmp_path) not in str(settings).replace(str(SAMPLE), "")

    forget()
    capsys.readouterr()
    write(folder / "deep_sets.py", (folder / "deep_sets.py").read_text() + "\n# another comment\n")
    assert cli.run(["export", str(run)]) == 0
    assert "deep_sets.py has changed since deep_sets-k4-int8" in capsys.readouterr().err
    assert cli.run(call) == 0
    captured = capsys.readouterr().err
    assert "deep_sets.py has changed since deep_sets-k4-float-" in captured
    assert "this is another run" in captured
    assert len(list((tmp_path / "runs").glob("deep_sets-k4-int8-*"))) == 2

    for edited, line in ((folder / "deep_sets.py", "\nN_SCALARS = N_SCALARS\n"), (extra, "x = 2\n")):
        before = edited.read_text()
        write(edited, before + line)
        for command in (call, ["evaluate", str(run)], ["export", str(run)], ["verify", str(run)]):
            forget()
            capsys.readouterr()
            assert cli.run(command) == 2, command
            error = " ".join(capsys.readouterr().err.split())
            assert f"{edited.name} changed since deep_sets-k4-" in error, (command, error)
            assert f"--plugin {os.path.relpath(extra)}" in error
            assert "--fresh" in error
        write(edited, before)
    write(extra, "x = 2\n")
    forget()
    capsys.readouterr()
    assert cli.run(call) == 2
    (words,) = [words for words in advised(capsys.readouterr().err) if words[0] == "train"]
    forget()
    assert cli.run(words) == 0, words
    assert len(list((tmp_path / "runs").glob("deep_sets-k4-int8-*"))) == 3
    forget()
    kept._SAID.clear()
    capsys.readouterr()
    assert cli.run(["export", str(run)]) == 0, "each content has a run of its own now"
    assert "extra.py has changed since" in capsys.readouterr().err

    forget()
    shutil.rmtree(folder)
    extra.unlink()
    recipe = open_run(run).recipe
    assert [name.rpartition("@")[0] for name in recipe.plugins] == ["deep_sets.py", "extra.py"]
    assert cli.run(["export", str(run)]) == 0
    assert "has changed" not in capsys.readouterr().err
    assert read(next((run / "plugins").glob("deep_sets.py@*")) / "deep_sets.py").name == recipe.plugins[0]
    shutil.rmtree(run / "plugins")
    forget()
    assert cli.run(["export", str(run)]) == 2
    assert "is missing; train again" in capsys.readouterr().err
