"""An album for the page: 57 pictures of plain colours, with dates, cameras, folders, tags, captions and a trap.

The model is that of `tests.service.colours`, which sees nothing but colours; all else is the real thing.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
from PIL import Image

from tests.service.colours import COLOURS, ColourLibrary, ids_by_name
from vasari.indexer.job import index
from vasari.indexer.sources.folder import FolderSource
from vasari.retrieval.domain import Caption, CaptionSource, TextLine

SHAPES = ((96, 64), (64, 64), (64, 96), (120, 48), (80, 60), (60, 80), (128, 72))
CAMERAS = ("X100V", "Pixel 8", None)
FOLDERS = {2022: "2022/sea", 2023: "2023/town", 2024: "2024/town"}
TRAP = "<img src=x onerror=window.trapped=1>"
SCRIPT = "<script>window.trapped=2</script><img src=x onerror=window.trapped=3>"
CORNERS = ((10, 10), (58, 10), (58, 22), (10, 22))  # of blue-0, which is 96 by 64
TILTED = ((30, 40), (70, 50), (67, 60), (27, 50))
LINES = (TextLine("RE16 TGK", 0.98, CORNERS), TextLine("no entry", 0.9, TILTED))
TWINS = ("red-0", "red-0-copy")


def make_album(library: Path, pictures: Path) -> dict[str, int]:
    """Draw the pictures and index them; item ids by the file's name without its suffix."""
    for number, (name, colour) in enumerate(COLOURS.items()):
        for shade in range(7):
            year = 2022 + (number + shade) % 3
            path = pictures / FOLDERS[year] / f"{name}-{shade}.jpg"
            _draw(path, colour, shade, year, CAMERAS[(number + shade) % 3])
    twin = next(pictures.rglob("red-0.jpg"))
    Image.open(twin).save(twin.with_name("red-0-copy.jpg"), quality=70)
    _draw(pictures / "2024" / f"{TRAP}.jpg", (250, 20, 60), 0, 2024, TRAP)
    with ColourLibrary.open(library, create=True) as opened:
        index(opened, FolderSource([pictures]))
        ids = ids_by_name(opened)
        _annotate(opened, ids)
    return ids


def _draw(path: Path, colour: tuple[int, int, int], shade: int, year: int, camera: str | None) -> None:
    """A picture that is nearly one colour: stripes of its own tell its hash from the others'."""
    width, height = SHAPES[shade % len(SHAPES)]
    grain = np.random.default_rng(sum(colour) * 31 + shade).integers(-40, 40, (6, 6, 1)).repeat(3, axis=2)
    pattern = np.kron(grain, np.ones((-(-height // 6), -(-width // 6), 1)))[:height, :width]
    pixels = np.clip(np.array(colour) * (1 - shade * 0.03) + pattern, 0, 255).astype(np.uint8)
    exif = Image.Exif()
    exif.get_ifd(0x8769)[0x9003] = f"{year}:06:{10 + shade} 12:30:00"
    if camera is not None:
        exif[0x0110] = camera
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(pixels).save(path, quality=92, exif=exif)


def _annotate(library: ColourLibrary, ids: dict[str, int]) -> None:
    catalog = library.catalog
    for name, item in ids.items():
        if name.startswith(("red", "blue")):
            catalog.annotations.set_captions(
                item, [Caption(f"all {name.split('-')[0]}", "en")], CaptionSource.USER
            )
    catalog.annotations.set_tags(ids["blue-0"], ["holiday"])
    catalog.annotations.set_tags(ids["blue-1"], ["holiday"])
    catalog.readings.note("by hand", {ids["blue-0"]: LINES, ids[TRAP]: (TextLine(SCRIPT, 0.9, CORNERS),)})
    catalog.annotations.set_captions(ids[TRAP], [Caption(SCRIPT, "en")], CaptionSource.MODEL)
    catalog.annotations.set_tags(ids[TRAP], [SCRIPT])
    catalog.annotations.set_attributes(ids[TRAP], {"note": SCRIPT})
