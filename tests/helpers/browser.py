"""Chromium for tests and benchmarks that look at reports."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import contextmanager

from playwright.sync_api import Browser, sync_playwright


@contextmanager
def chromium() -> Iterator[Browser]:
    """The installed browser without a window, and without anything that it would ask the network for by itself."""
    path = shutil.which("chromium") or shutil.which("google-chrome")
    assert path, "reports are looked at in chromium on PATH; install it (Debian: apt-get install chromium)"
    with sync_playwright() as playwright:
        found = playwright.chromium.launch(
            executable_path=path, args=["--no-sandbox", "--disable-background-networking", "--disable-gpu"]
        )
        yield found
        found.close()
