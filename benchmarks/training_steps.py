"""CPU time of training steps on random jets, for the benchmarks that project the hours of a study."""

from __future__ import annotations

import time
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from tests.helpers.jets import random_jets
from tritag.configs import load_config


def steps_s(tagger: Any, jets: int, k: int, passes: int, steps: int, compiled: bool = False) -> list[float]:
    """CPU seconds of each of so many steps, forward and backward, of ``passes`` times ``jets`` jets."""
    codes = torch.from_numpy(random_jets(np.random.default_rng(1), jets, k)[0]).long()
    count, label = torch.full((jets, 1), k), (torch.arange(jets) % 2).float()
    with torch.no_grad():
        inputs = tagger.eval().inputs(codes, count)
    outputs = torch.compile(tagger.train().outputs) if compiled else tagger.train().outputs

    def step() -> float:
        began = time.process_time()
        tagger.zero_grad(set_to_none=True)
        for _ in range(passes):
            logit: Tensor = outputs(inputs, count)[..., 0].flatten()
            F.binary_cross_entropy_with_logits(logit, label).backward()
        return time.process_time() - began

    return [step() for _ in range(steps)]


def study_of(name: str) -> tuple[dict[str, Any], dict[str, str]]:
    """A study as its file says it, and its settings by name."""
    study = load_config("studies", name)
    return study, dict(setting.split("=", 1) for setting in study["settings"])
