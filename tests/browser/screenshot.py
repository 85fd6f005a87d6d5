"""Draws `docs/page.webp`, the page as README shows it: a search in a running service.

vasari scenes render --seed 5 --count 400 --split heldout postcards
vasari index postcards/images --model scenes && vasari serve
python -m tests.browser.screenshot http://127.0.0.1:7600 docs/page.webp
"""

from __future__ import annotations

import argparse
import io
from urllib.parse import urlencode

from PIL import Image
from playwright.sync_api import ViewportSize, sync_playwright

from tests.browser.chromium import ARGUMENTS, find_chromium

SIDES: ViewportSize = {"width": 1280, "height": 720}
PICTURES_ARE_THERE = """() => {
  const shown = [...document.querySelectorAll("#results img")];
  return shown.length > 0 && shown.filter((image) => image.getBoundingClientRect().top < innerHeight)
    .every((image) => image.complete && image.naturalWidth > 0);
}"""


def screenshot(address: str, query: str) -> Image.Image:
    """The page with the reranked answer to `query`."""
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=find_chromium(), args=ARGUMENTS)
        page = browser.new_page(viewport=SIDES, color_scheme="light")
        page.goto(f"{address}/?{urlencode({'q': query, 'rerank': 1})}")
        page.wait_for_function(PICTURES_ARE_THERE, timeout=60_000)
        page.reload()  # the first answer took its time to load the models
        page.wait_for_function(PICTURES_ARE_THERE, timeout=60_000)
        page.wait_for_timeout(500)  # pictures fade in
        drawn = Image.open(io.BytesIO(page.screenshot()))
        browser.close()
    return drawn


def main() -> None:
    """Take the screenshot, and write it as the named file."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("address", help="of a running service, such as http://127.0.0.1:7600")
    parser.add_argument("target", help="such as docs/page.webp")
    parser.add_argument("--query", default="rowboats on a lake", help="what is searched for")
    arguments = parser.parse_args()
    screenshot(arguments.address.rstrip("/"), arguments.query).convert("RGB").save(
        arguments.target, quality=80, method=6
    )


if __name__ == "__main__":
    main()
