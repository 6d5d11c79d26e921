"""IP-XACT (IEEE 1685-2014): ``component.xml``, with which tools take the Verilog into a design."""

from __future__ import annotations

from collections.abc import Sequence
from xml.etree import ElementTree

from tritag.hls_projects.package.delivery import Delivery
from tritag.hls_projects.package.stream_ports import STREAMS, stream_ports, verilog_top

NAMESPACE = "http://www.accellera.org/XMLSchema/IPXACT/1685-2014"
_SOURCES = "sources"


def component(delivery: Delivery, vendor: str = "tritag") -> str:
    """The component: top module, ports with their widths, files."""
    ElementTree.register_namespace("ipxact", NAMESPACE)
    root = _element(None, "component")
    naming, design = delivery.naming, delivery.design
    for name, value in (("vendor", vendor), ("library", "taggers"), ("name", naming.full), ("version", naming.version)):
        _element(root, name, str(value))
    if delivery.stream:
        buses = _element(root, "busInterfaces")
        for name, (mode, signals) in STREAMS.items():
            _bus(buses, name, mode, signals)
    model = _element(root, "model")
    view = _element(_element(model, "views"), "view")
    _element(view, "name", "rtl")
    _element(view, "componentInstantiationRef", "verilog")
    instance = _element(_element(model, "instantiations"), "componentInstantiation")
    _element(instance, "name", "verilog")
    _element(instance, "language", "Verilog")
    _element(instance, "moduleName", verilog_top(delivery))
    _element(_element(instance, "fileSetRef"), "localName", _SOURCES)
    ports = _element(model, "ports")
    for name, direction, width in port_list(delivery):
        _port(ports, name, direction, width)
    files = _element(_element(root, "fileSets"), "fileSet")
    _element(files, "name", _SOURCES)
    for name in dict.fromkeys((design.name, verilog_top(delivery))):
        _file(files, f"{name}.v", "verilogSource")
    for name in sorted(design.files):
        _file(files, name, "memory initialization")
    _file(files, f"{design.name}.xdc", "xdc")
    _element(root, "description", f"Jet tagger, latency {design.latency_cycles} cycles, a jet every "
             f"{design.interval_cycles} cycles")  # fmt: skip
    ElementTree.indent(root)
    return '<?xml version="1.0" encoding="UTF-8"?>\n' + ElementTree.tostring(root, encoding="unicode") + "\n"


def port_list(delivery: Delivery) -> list[tuple[str, str, int]]:
    """Name, direction and bits of every port of the top module."""
    if delivery.stream:
        return [(name, direction, bits) for name, direction, bits, _ in stream_ports(delivery)]
    design = delivery.design
    ports = [(name, "in", 1) for name in ("clk", "rst", "ce", "in_valid")]
    ports += [(name, "in", width) for name, width in design.widths.items()]
    return [*ports, ("out_valid", "out", 1), *((name, "out", width) for name, width, _ in design.outputs)]


def _element(parent: ElementTree.Element | None, name: str, text: str | None = None) -> ElementTree.Element:
    tag = f"{{{NAMESPACE}}}{name}"
    made = ElementTree.Element(tag) if parent is None else ElementTree.SubElement(parent, tag)
    made.text = text
    return made


def _bus(buses: ElementTree.Element, name: str, mode: str, signals: Sequence[str]) -> None:
    bus = _element(buses, "busInterface")
    _element(bus, "name", name)
    kind = {"vendor": "amba.com", "library": "AMBA4", "name": "AXI4Stream", "version": "r0p0_1"}
    _element(bus, "busType").attrib.update(kind)
    abstraction = _element(_element(bus, "abstractionTypes"), "abstractionType")
    _element(abstraction, "abstractionRef").attrib.update(kind | {"name": "AXI4Stream_rtl"})
    maps = _element(abstraction, "portMaps")
    for signal in signals:
        ends = _element(maps, "portMap")
        _element(_element(ends, "logicalPort"), "name", signal)
        _element(_element(ends, "physicalPort"), "name", f"{name}_{signal.lower()}")
    _element(bus, mode)


def _port(ports: ElementTree.Element, name: str, direction: str, width: int) -> None:
    port = _element(ports, "port")
    _element(port, "name", name)
    wire = _element(port, "wire")
    _element(wire, "direction", direction)
    if width > 1:
        vector = _element(_element(wire, "vectors"), "vector")
        _element(vector, "left", str(width - 1))
        _element(vector, "right", "0")


def _file(files: ElementTree.Element, name: str, kind: str) -> None:
    file = _element(files, "file")
    _element(file, "name", name)
    if kind == "verilogSource":
        _element(file, "fileType", kind)
    else:
        _element(file, "fileType", "user").set("user", kind)
