"""What is the same on other processors and with other numbers of threads (docs/reliability.md).

    python -m benchmarks.reproducibility

trains a tiny tagger, exports it, and scores jets, once for each way in which PyTorch can choose its kernels
(``ATEN_CPU_CAPABILITY``) and for one and two threads, each in a process of its own. Printed are digests of the trained
weights, and of the integers and the exported bytes that come of one given set of weights. Only the first may differ.
"""

from __future__ import annotations

import hashlib
import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Annotated

import typer

CAPABILITIES = ("default", "avx2", "avx512")


def measure(weights: Path, steps: int) -> dict[str, str]:
    """Digests in this process; the weights at ``weights`` are what integers and exported bytes are made of.

    Parameters
    ----------
    weights : Path
        A state of the tagger, written where it is missing.
    steps : int
        Of the training; 0 trains nothing.
    """
    import numpy as np
    import torch

    from tests.helpers.jets import random_jets
    from tests.helpers.taggers import TINY, calibrated_tagger
    from tritag.export.executors import OnnxRuntimeExecutor, TorchExecutor
    from tritag.export.graph import read_graph
    from tritag.export.qonnx_file import export_model

    tagger = calibrated_tagger(4, "int8", TINY)
    if not weights.is_file():
        torch.save(tagger.state_dict(), weights)
    codes, count = random_jets(np.random.default_rng(0), 300, 4)
    trained = calibrated_tagger(4, "int8", TINY).train()
    optimizer = torch.optim.AdamW(trained.parameters(), lr=0.01)
    label = torch.from_numpy(codes[:, 0, 0] > np.median(codes[:, 0, 0])).float()
    for _ in range(steps):
        optimizer.zero_grad()
        logits = trained(torch.from_numpy(codes), torch.from_numpy(count)[:, None]).flatten()
        torch.nn.functional.binary_cross_entropy_with_logits(logits, label).backward()
        optimizer.step()
    tagger.load_state_dict(torch.load(weights, weights_only=True))
    model = export_model(tagger.eval())
    graph = read_graph(model)
    made = (TorchExecutor(graph, tagger, model), OnnxRuntimeExecutor(graph, model))
    return {
        "kernels": torch.backends.cpu.get_cpu_capability(),
        "threads": str(torch.get_num_threads()),
        "trained weights": _digest(*(x.detach().numpy().tobytes() for x in trained.parameters())),
        "integers": _digest(*(np.asarray(executor.run(codes, count)).tobytes() for executor in made)),
        "exported file": _digest(model.SerializeToString(deterministic=True)),
    }


def elsewhere(weights: Path, capability: str, threads: int, steps: int) -> dict[str, str]:
    """:func:`measure` in a process that takes these kernels and threads."""
    code = (
        f"import json, torch; torch.set_num_threads({threads}); from pathlib import Path; "
        f"from benchmarks.reproducibility import measure; print(json.dumps(measure(Path({str(weights)!r}), {steps})))"
    )
    environment = {**os.environ, "ATEN_CPU_CAPABILITY": capability, "OMP_NUM_THREADS": str(threads)}
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, env=environment, check=True)
    found: dict[str, str] = json.loads(done.stdout.splitlines()[-1])
    return found


def _digest(*parts: bytes) -> str:
    return hashlib.sha256(b"".join(parts)).hexdigest()[:12]


def main(steps: Annotated[int, typer.Option(min=1, help="Of the training.")] = 30) -> None:
    """Print one row for each way; exit status 1 where integers or exported bytes differ."""
    with tempfile.TemporaryDirectory() as folder:
        weights = Path(folder) / "weights.pt"
        rows = [elsewhere(weights, c, threads, steps) for c in CAPABILITIES for threads in (1, 2)]
    print(f"| {' | '.join(rows[0])} |\n|{'---|' * len(rows[0])}")  # noqa: T201
    for row in rows:
        print(f"| {' | '.join(row.values())} |")  # noqa: T201
    if any(len({row[name] for row in rows}) > 1 for name in ("integers", "exported file")):
        raise typer.Exit(1)


if __name__ == "__main__":
    typer.run(main)
