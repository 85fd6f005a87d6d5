"""Where the browser is. Playwright's own are not downloaded: the tests drive the Chromium of the machine.

Its form without windows, where there is one: it is the same engine, and takes half the time of the page's tests.
"""

from __future__ import annotations

import os
import shutil
from pathlib import Path

ARGUMENTS = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)
_VARIABLES = ("VASARI_TEST_BROWSER", "PLAYWRIGHT_CHROMIUM")
_NAMES = ("chromium-headless-shell", "chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
_PLACES = (
    "/usr/bin/chromium",
    "/snap/bin/chromium",
    "/opt/google/chrome/chrome",
    "/Applications/Google Chrome.app/Contents/MacOS/Google Chrome",
    "/Applications/Chromium.app/Contents/MacOS/Chromium",
)


def find_chromium() -> str | None:
    """The path of a Chromium or Chrome, or None."""
    given = [os.environ[name] for name in _VARIABLES if os.environ.get(name)]
    found = [path for name in _NAMES if (path := shutil.which(name))]
    return next((path for path in [*given, *found, *_PLACES] if Path(path).is_file()), None)
