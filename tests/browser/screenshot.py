"""Draws the page as README and docs show it: a search in a running service; light, dark and on a phone.

vasari scenes render --seed 5 --count 400 --split heldout postcards
vasari index postcards/images --model scenes && vasari serve
python -m tests.browser.screenshot http://127.0.0.1:7600 docs/page.webp
python -m tests.browser.screenshot http://127.0.0.1:7600 docs/page-dark.webp --dark
python -m tests.browser.screenshot http://127.0.0.1:7600 docs/page-phone.webp --phone
"""

from __future__ import annotations

import argparse
import io
from urllib.parse import urlencode

from PIL import Image
from playwright.sync_api import ViewportSize, sync_playwright

from tests.browser.chromium import ARGUMENTS, find_chromium

SIDES: ViewportSize = {"width": 1280, "height": 720}
PHONE: ViewportSize = {"width": 390, "height": 844}
PICTURES_ARE_THERE = """() => {
  const shown = [...document.querySelectorAll("#results img")];
  return shown.length > 0 && shown.filter((image) => image.getBoundingClientRect().top < innerHeight)
    .every((image) => image.complete && image.naturalWidth > 0);
}"""


def screenshot(address: str, query: str, *, dark: bool = False, phone: bool = False) -> Image.Image:
    """The page with the reranked answer to `query`."""
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=find_chromium(), args=ARGUMENTS)
        page = browser.new_page(
            viewport=PHONE if phone else SIDES,
            color_scheme="dark" if dark else "light",
            is_mobile=phone,
            has_touch=phone,
        )
        page.goto(f"{address}/?{urlencode({'q': query, 'rerank': 1})}")
        page.wait_for_function(PICTURES_ARE_THERE, timeout=60_000)
        for _ in range(20):  # the first answers come before the models are loaded
            if (
                "not reranked" not in page.locator(".told").inner_text()
                and page.locator("#notes").is_hidden()
            ):
                break
            page.wait_for_timeout(1000)
            page.reload()
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
    parser.add_argument("--query", default="swans in the rain", help="what is searched for")
    parser.add_argument("--dark", action="store_true", help="as at night")
    parser.add_argument("--phone", action="store_true", help="on a phone")
    arguments = parser.parse_args()
    drawn = screenshot(
        arguments.address.rstrip("/"), arguments.query, dark=arguments.dark, phone=arguments.phone
    )
    drawn.convert("RGB").save(arguments.target, quality=80, method=6)


if __name__ == "__main__":
    main()
