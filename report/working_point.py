"""Which of a run's figures stands for its separation: the rejection at the first working point of the tagger itself."""

from __future__ import annotations

from typing import Any


def working_point(report: dict[str, Any]) -> tuple[str, str] | None:
    """Place of a run's first rejection in its report.json.

    Returns
    -------
    tuple of str, optional
        JSON pointer of the rejection, and the signal class it is for (empty for a binary head); None where the run has
        no figures, or no class that is not background.
    """
    for name in ("quantized", "float"):
        metrics = report["physics"].get(name)
        if metrics:
            for i, found in enumerate(metrics.get("classes") or []):
                if found["rejections"]:
                    return f"/physics/{name}/classes/{i}/rejections/0", found["name"]
            if metrics.get("rejections"):
                return f"/physics/{name}/rejections/0", ""
            return None
    return None
