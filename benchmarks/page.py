"""How soon the page shows its first pictures, over a large library: first and second visit, in Chromium.

    python -m benchmarks.page --items 50000

Times are from the beginning of the navigation: until the page is painted at all (`first_paint_ms`) and until the first
pictures are (`pictures_ms`: eight of them decoded, and a frame more). `requests` and `bytes` count the page's code as
it came through the network: the page, scripts, styles. A search is among the pictures whose files are there.

With `--scroll` the timeline is scrolled from end to end in so many frames, each a screen or more of other pictures:
frames' times, the main thread's work a frame (which other programs of the machine lengthen less), and the most
elements there were.
"""

from __future__ import annotations

import argparse
import statistics
import tempfile
from pathlib import Path
from typing import Any
from urllib.parse import quote

from playwright.sync_api import BrowserContext, sync_playwright

from benchmarks.filled_library import fill
from benchmarks.measuring import finish
from benchmarks.serving import serving
from tests.browser.chromium import ARGUMENTS, find_chromium
from vasari.indexer.job import index
from vasari.indexer.sources.folder import FolderSource
from vasari.retrieval.library.library import Library
from vasari.retrieval.settings import Settings
from vasari.training.scenes.dataset import render
from vasari.training.scenes.scene import Split

_SEEN = 8  # pictures: those of the first rows
_LOOKED = """async (seen) => {
  const frame = () => new Promise((resolve) => requestAnimationFrame(resolve));
  const there = () => [...document.querySelectorAll(".tile img")].filter((one) => one.complete && one.naturalWidth);
  while (there().length < seen) {
    if (performance.now() > 60_000) throw new Error(`only ${there().length} pictures in a minute`);
    await frame();
  }
  await frame();
  const pictures = performance.now();
  while (performance.getEntriesByName("first-contentful-paint").length === 0) await frame();
  const code = [...performance.getEntriesByType("navigation"), ...performance.getEntriesByType("resource")]
    .filter((one) => ["navigation", "script", "link", "css", "other"].includes(one.initiatorType));
  const [paint] = performance.getEntriesByName("first-contentful-paint");
  return {first_paint_ms: paint.startTime, pictures_ms: pictures,
    requests: code.filter((one) => one.transferSize > 0).length,
    bytes: code.reduce((sum, one) => sum + one.transferSize, 0)};
}"""


_SCROLLED = """async (frames) => {
  const frame = () => new Promise((resolve) => requestAnimationFrame(resolve));
  const height = document.documentElement.scrollHeight - innerHeight;
  const spent = [];
  let nodes = 0;
  let before = await frame();
  for (let place = 1; place <= frames; place += 1) {
    scrollTo({top: height * place / frames, behavior: "instant"});
    const now = await frame();
    spent.push(now - before);
    before = now;
    nodes = Math.max(nodes, document.querySelectorAll("*").length);
  }
  return {spent, nodes};
}"""


def scrolled(address: str, frames: int) -> dict[str, float]:
    """What scrolling the timeline from end to end takes."""
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=find_chromium(), args=ARGUMENTS)
        page = browser.new_page(viewport={"width": 1280, "height": 800})
        page.goto(address)
        page.locator(".tile img").first.wait_for()
        tab = page.context.new_cdp_session(page)
        tab.send("Performance.enable")

        def work() -> float:
            told = {one["name"]: one["value"] for one in tab.send("Performance.getMetrics")["metrics"]}
            return float(told["TaskDuration"])

        before = work()
        found = page.evaluate(_SCROLLED, frames)
        worked = (work() - before) * 1000 / frames
        browser.close()
    spent = sorted(found["spent"])
    return {
        "frame_p50_ms": round(spent[len(spent) // 2], 1),
        "frame_p95_ms": round(spent[int(len(spent) * 0.95)], 1),
        "work_ms_a_frame": round(worked, 2),
        "nodes": found["nodes"],
    }


def visits(context: BrowserContext, address: str) -> list[dict[str, float]]:
    """A first and a second visit in one profile."""
    told = []
    for _ in range(2):
        page = context.new_page()
        page.goto(address, wait_until="commit")
        told.append(page.evaluate(_LOOKED, _SEEN))
        page.close()
    return told


def measured(address: str, rounds: int) -> dict[str, dict[str, float]]:
    """Medians over fresh profiles."""
    found: list[list[dict[str, float]]] = []
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=find_chromium(), args=ARGUMENTS)
        for _ in range(rounds):
            with browser.new_context(viewport={"width": 1280, "height": 800}) as context:
                found.append(visits(context, address))
        browser.close()
    return {
        name: {key: round(statistics.median(one[visit][key] for one in found), 1) for key in found[0][visit]}
        for visit, name in enumerate(("first", "second"))
    }


def prepare(folder: Path, items: int, model: str) -> None:
    """A library of drawn pictures, which are the newest, and of so many rows whose files do not exist."""
    render(folder / "p", seed=2, count=60, split=Split.TRAIN, size=224)
    with Library.open(settings=Settings(library=folder / "library", offline=True), create=True) as library:
        library.use_model(model)
        index(library, FolderSource([folder / "p" / "images"], limits=library.image_limits))
        fill(library, items, model, folder / "elsewhere")


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--items", type=int, default=50_000)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--model", default="starter")
    parser.add_argument(
        "--folder", type=Path, help="keep the library here, and take one that is here already"
    )
    parser.add_argument("--path", action="append", help="addresses of the page; default: / and a search")
    parser.add_argument("--scroll", type=int, metavar="FRAMES", help="also scroll the timeline")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as scratch:
        place = options.folder or Path(scratch)
        if not (place / "library").is_dir():
            prepare(place, options.items, options.model)
        told: dict[str, Any] = {"items": options.items}
        with serving(place / "library", VASARI_DEADLINE_MS="120000") as service:
            for path in options.path or ["/", "/?q=a+red+boat"]:
                found = f"&folder={quote(str(place / 'p' / 'images'))}" if "?q=" in path else ""
                told[path] = measured(service.address + path + found, options.rounds)
            if options.scroll:
                told["scroll"] = {"end to end": scrolled(service.address, options.scroll)}
    for path in list(told)[1:]:
        for visit, figures in told[path].items():
            print(f"{path:24} {visit:7} {figures}")
    finish("page", **told)


if __name__ == "__main__":
    main()
