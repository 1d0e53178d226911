"""A report in headless Chromium that must stay quiet: no request, no message, no error, no dialog."""

from __future__ import annotations

import re
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest


@contextmanager
def quiet_page(path: Path, **options: Any) -> Iterator[Any]:
    """The page at 1280 × 800 once its script is ready; `options` are those of Playwright's `new_page`. Fails at the end where it was not quiet."""
    sync_api = pytest.importorskip("playwright.sync_api")
    with sync_api.sync_playwright() as p:
        browser = p.chromium.launch(executable_path=shutil.which("chromium"), args=["--no-sandbox", "--disable-gpu"])
        page = browser.new_page(viewport={"width": 1280, "height": 800}, **options)
        faults: list[str] = []
        page.route(re.compile("^(?!file:|blob:|data:)"), lambda route: (faults.append(route.request.url), route.abort()))
        page.on("console", lambda m: faults.append(m.text) if m.type in ("error", "warning") else None)
        page.on("pageerror", lambda e: faults.append(str(e)))
        page.on("dialog", lambda d: (faults.append("dialog"), d.dismiss()))
        page.goto(path.as_uri())
        page.wait_for_selector("html[data-ready=yes]", state="attached", timeout=60_000)
        yield page
        assert not faults
        browser.close()
