"""The bill of materials of a package (CycloneDX 1.5): whose software is in it, under which licence."""

from __future__ import annotations

import json
from importlib.metadata import version
from typing import Any

from tritag.hls_projects.package.delivery import Delivery


def bill_of_materials(delivery: Delivery) -> str:
    """JSON with one component for each origin of files; no time and no serial number, so that it can be compared."""
    components = [
        _component("tritag", version("tritag"), "hls/ (tritag_*.h), emulator/, native/, verilog/, cocotb/: generated"),
        _component("hls4ml", version("hls4ml"), "hls/ and emulator/: project and nnet_utils"),
        _component("HLS_arbitrary_Precision_Types", "as in hls4ml", "hls/firmware/ap_types, by Xilinx"),
    ]
    content = {
        "bomFormat": "CycloneDX",
        "specVersion": "1.5",
        "version": 1,
        "metadata": {
            "component": {
                "type": "firmware",
                "name": delivery.naming.name,
                "version": str(delivery.naming.version),
                "description": f"{delivery.origin['run']}; weights and vectors are those of whoever trained it",
            }
        },
        "components": components,
    }
    return json.dumps(content, indent=2, sort_keys=True) + "\n"


def _component(name: str, number: str, files: str) -> dict[str, Any]:
    return {
        "type": "library",
        "name": name,
        "version": number,
        "licenses": [{"license": {"id": "Apache-2.0"}}],
        "description": files,
    }
