"""Published jet taggers on FPGAs, as their papers quote them: what users compare with.

Their accuracies are on the five-class hls4ml LHC jet set or on b jets, another task than ours, and are left out.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Published:
    """Quoted figures; None where the paper gives none, text where it gives a range or a remark.

    Attributes
    ----------
    source : str, optional
        arXiv number.
    interval_cycles : int, optional
        Initiation interval (II).
    part : str
        Part, and whether it is after place and route, where the paper says so.
    """

    name: str
    source: str | None
    constituents: int
    latency_ns: float
    interval_cycles: int | None
    lut: int | str | None
    dsp: int | str | None
    part: str


PUBLISHED = (
    Published("transformer, multi-head attention (HGQ)", "2510.24784", 8, 104, 1, 246_000, 0, "XCU250"),
    Published("transformer, multi-head attention (HGQ)", "2510.24784", 16, 98, 1, 279_000, 0, "XCU250"),
    Published("transformer, multi-head attention (HGQ)", "2510.24784", 32, 83, 1, 180_000, 0, "XCU250"),
    Published("JEDI-linear", "2508.15468", 16, 72, 1, 99_000, 0, "VU13P, post-route"),
    Published("JEDI-linear", "2508.15468", 32, 79, 1, 147_000, 0, "VU13P, post-route"),
    Published("JEDI-linear", "2508.15468", 64, 93, 1, 192_000, 0, "VU13P, post-route"),
    Published("MLP-Mixer", "2503.03103", 16, 68, 1, 75_000, 0, "VU13P"),
    Published("MLP-Mixer", "2503.03103", 32, 62, 1, 63_000, 0, "VU13P"),
    Published("MLP-Mixer", "2503.03103", 64, 72, 1, 159_000, 0, "VU13P"),
    Published("Deep Sets, 8 bit", "2402.01876", 8, 95, 3, 386_000, 626, "VU13P"),
    Published("Deep Sets, 8 bit", "2402.01876", 16, 115, 3, 747_000, 555, "VU13P"),
    Published("Deep Sets, 8 bit", "2402.01876", 32, 130, 2, 903_000, 434, "VU13P"),
    Published("b-tag transformer, 9135 parameters", "2409.05207", 15, 2060, 48, "15-38 %", "46-57 %", "VU13P"),
    Published("binary transformer, 19201 parameters", None, 10, 360, 1, 4_800_000, 14_112, "VU13P, does not fit"),
    Published("CMS Level-1 Deep Sets jet tagger", "2509.24371", 16, 234, None, None, None, ""),
)
