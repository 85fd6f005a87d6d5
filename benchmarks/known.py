"""How surely a library knows copies of its pictures, by kind of edit, and how fast; beside `imagededup`.

    python -m benchmarks.known --photos FOLDER --model starter
    python -m benchmarks.known --photos FOLDER --peer PYTHON     # a Python that has imagededup

Half of the photos are indexed; each of those is edited in all ways and asked for, and so is each of the other half, of
which none is known. Recall: the share of edits whose original is found. Wrong: the share of the others that are said to
be known. Times are told by what decides: hashes among a million others (of generated numbers, which no file belongs
to), else vectors of the photos that are here, for copies and for new pictures. imagededup's PHash (64 bits, up to 10 of
them, its default) and CNN (MobileNetV3, cosine 0.9) get the same files; its CNN only where its weights can be had.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import tempfile
import time
from collections.abc import Callable, Collection
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw, ImageEnhance, ImageFilter, ImageOps

from vasari.indexer.job import index
from vasari.indexer.sources.folder import FolderSource
from vasari.retrieval.catalog.perceptual_hashes import ItemHashes
from vasari.retrieval.images.phash import MAX_DISTANCE
from vasari.retrieval.library.duplicates import NEAR_HASH
from vasari.retrieval.library.library import Library
from vasari.retrieval.settings import Settings

MANY = 1_000_000  # hashes of other pictures
Edit = Callable[[Image.Image], Image.Image]


def _cropped(left: float, top: float, right: float, bottom: float) -> Edit:
    return lambda p: p.crop(
        (round(left * p.width), round(top * p.height), round(right * p.width), round(bottom * p.height))
    )


def _written_over(picture: Image.Image) -> Image.Image:
    copy = picture.copy()
    ImageDraw.Draw(copy).rectangle((0, copy.height * 0.8, copy.width, copy.height), fill=(0, 0, 0))
    return copy


EDITS: dict[str, Edit] = {
    "jpeg quality 30": lambda p: p,
    "a third of the size": lambda p: p.resize((p.width // 3, p.height // 3)),
    "stretched by a fifth": lambda p: p.resize((p.width, round(p.height * 0.8))),
    "blurred": lambda p: p.filter(ImageFilter.GaussianBlur(3)),
    "cropped by 10 %": _cropped(0.05, 0.05, 0.95, 0.95),
    "cropped by 30 %": _cropped(0.2, 0.1, 0.9, 0.8),
    "cropped by 60 %": _cropped(0.4, 0.3, 0.8, 0.9),
    "square": lambda p: ImageOps.fit(p, (min(p.size), min(p.size))),
    "white border": lambda p: ImageOps.expand(p, 40, "white"),
    "letterbox": lambda p: ImageOps.pad(p, (640, 640), color=(0, 0, 0)),
    "brighter": lambda p: ImageEnhance.Brightness(p).enhance(1.4),
    "more contrast": lambda p: ImageEnhance.Contrast(p).enhance(1.6),
    "grey": lambda p: p.convert("L").convert("RGB"),
    "mirrored": ImageOps.mirror,
    "turned by 90°": lambda p: p.rotate(90, expand=True),
    "turned by 180°": lambda p: p.rotate(180),
    "turned by 270°": lambda p: p.rotate(270, expand=True),
    "mirrored and turned": lambda p: ImageOps.mirror(p).rotate(90, expand=True),
    "turned by 3°": lambda p: p.rotate(3),
    "written over": _written_over,
}
_PEER = """
import json, sys
from pathlib import Path
from imagededup.methods import PHash
known, asked = map(Path, sys.argv[1:])
hasher = PHash(verbose=False)
hashes = {path.name: int(hasher.encode_image(str(path)), 16) for path in sorted(known.iterdir())}
found = {}
for path in sorted(asked.rglob("*.jpg")):
    own = int(hasher.encode_image(str(path)), 16)
    near = [name for name, other in hashes.items() if (own ^ other).bit_count() <= 10]
    found[str(path.relative_to(asked))] = near
print(json.dumps(found))
"""


def prepare(photos: Path, folder: Path, limit: int) -> tuple[list[str], list[str]]:
    """Write what is known, and what is asked for; the names of the known and of the other photos."""
    suffixes = {".jpg", ".jpeg", ".png", ".webp"}
    files = [path for path in sorted(photos.rglob("*")) if path.suffix.lower() in suffixes][:limit]
    names = [f"{number:04}.jpg" for number in range(len(files))]
    (folder / "known").mkdir()
    for number, (path, name) in enumerate(zip(files, names, strict=True)):
        with Image.open(path) as opened:
            picture = ImageOps.exif_transpose(opened).convert("RGB")
        picture.thumbnail((640, 640))
        if number % 2:
            _save(picture, folder / "asked" / "another" / name)
            continue
        picture.save(folder / "known" / name, quality=92)
        for edit, change in EDITS.items():
            _save(change(picture), folder / "asked" / edit / name)
    return names[::2], names[1::2]


def _save(picture: Image.Image, path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    picture.save(path, quality=30 if path.parent.name == "jpeg quality 30" else 75)


@dataclass(frozen=True, slots=True)
class Answer:
    """The names of the items that a picture is said to be a copy of, what decided, and the milliseconds it took."""

    names: list[str]
    by: str
    wall: float
    processor: float


def vasari(folder: Path, model: str) -> dict[str, Answer]:
    """What is said of each asked picture."""
    settings = Settings(library=folder / "library", offline=True)
    with Library.open(settings=settings, create=True) as library:
        library.use_model(model)
        index(library, FolderSource([folder / "known"], limits=library.image_limits))
    with Library.open(settings=settings) as library:
        library.models.serve("float32")  # as a service has it
        crowd(library)
        asked = sorted((folder / "asked").rglob("*.jpg"))
        library.duplicates_of(sorted((folder / "asked" / "another").iterdir())[0])  # loads the model
        return {str(path.relative_to(folder / "asked")): answered(library, path) for path in asked}


def answered(library: Library, path: Path) -> Answer:
    """What is said of one picture."""
    wall, processor = time.perf_counter(), time.process_time()
    found = library.duplicates_of(path)
    spent = (time.perf_counter() - wall) * 1000, (time.process_time() - processor) * 1000
    by = "no copy" if not found else "hashes" if found[0].evidence.cosine is None else "vectors"
    return Answer([Path(one.item.uri).name for one in found], by, *spent)


def crowd(library: Library) -> None:
    """Have a million generated hashes beside the library's own: those of ids that no item has."""
    hashes = library.catalog.perceptual_hashes
    own, other = hashes.remembered(), generated(MANY)
    ids = np.concatenate([own.ids, other.ids + own.ids.max() + 1])
    crowded = ItemHashes(ids, np.concatenate([own.hashes, other.hashes]))
    hashes.remembered = lambda: crowded  # type: ignore[method-assign]


def generated(count: int) -> ItemHashes:
    """Hashes by chance, of which, as of a picture's, half of the bits are set."""
    random = np.random.default_rng(0)
    parts = (random.random((min(MANY // 10, count - start), 64)) for start in range(0, count, MANY // 10))
    hashes = [np.packbits(part.argsort(axis=1) < 32, axis=1).view(np.uint64)[:, 0] for part in parts]
    return ItemHashes(np.arange(count, dtype=np.int64), np.concatenate(hashes))


def times(answers: Collection[Answer]) -> dict[str, dict[str, float]]:
    """Milliseconds a question by what decided: the median and the 95th percentile, by clock and of the processor."""
    told = {}
    for by in ("hashes", "vectors", "no copy"):
        some = [one for one in answers if one.by == by]
        if some:
            p50, p95 = np.percentile([one.wall for one in some], [50, 95])
            spent = np.percentile([one.processor for one in some], [50, 95])
            figures = {"p50": p50, "p95": p95, "processor_p50": spent[0], "processor_p95": spent[1]}
            told[by] = {"questions": len(some), **{name: round(float(ms), 1) for name, ms in figures.items()}}
    return told


def imagededup(folder: Path, python: str) -> dict[str, list[str]]:
    """The same of imagededup's PHash, in its own environment."""
    words = [python, "-c", _PEER, str(folder / "known"), str(folder / "asked")]
    done = subprocess.run(words, capture_output=True, text=True, check=True)
    found: dict[str, list[str]] = json.loads(done.stdout.splitlines()[-1])
    return found


def figures(found: dict[str, list[str]]) -> dict[str, float]:
    """Recall by edit, and under "wrong" the share of unknown pictures that are said to be known."""
    told: dict[str, list[bool]] = {}
    for asked, items in found.items():
        edit, name = asked.split("/")
        told.setdefault(edit, []).append(bool(items) if edit == "another" else name in items)
    shares = {edit: sum(each) / len(each) for edit, each in told.items()}
    return {**{edit: shares[edit] for edit in EDITS}, "wrong": shares["another"]}


def look_up_ms(count: int) -> float:
    """Milliseconds to compare a picture's eight perceptual hashes with `count` others, the median of 20."""
    known = generated(count)
    known.near([0], MAX_DISTANCE)  # makes the bands
    spent = []
    for row in range(20):
        began = time.perf_counter()
        asked = known.hashes[8 * row : 8 * row + 8].view(np.int64).tolist()
        known.near(asked[:1], NEAR_HASH)
        known.near(asked[1:], MAX_DISTANCE)
        spent.append((time.perf_counter() - began) * 1000)
    return float(np.median(spent))


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--photos", type=Path, required=True)
    parser.add_argument("--model", default="starter")
    parser.add_argument("--limit", type=int, default=40, help="photos; 40 take some minutes")
    parser.add_argument("--peer", help="a Python that has imagededup")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place)
        known, others = prepare(options.photos, folder, options.limit)
        answers = vasari(folder, options.model)
        columns = {"vasari": figures({asked: answer.names for asked, answer in answers.items()})}
        if options.peer:
            columns["imagededup PHash"] = figures(imagededup(folder, options.peer))
    print(f"{len(known)} known photos, {len(others)} others")
    for edit in (*EDITS, "wrong"):
        print(f"{edit:24}" + "".join(f"{name:>20} {shares[edit]:.3f}" for name, shares in columns.items()))
    spent = times(answers.values())
    for by, told in spent.items():
        print(f"decided by {by:13}" + "  ".join(f"{name} {value}" for name, value in told.items()))
    hashes = {str(count): round(look_up_ms(count), 2) for count in (100_000, MANY)}
    print(json.dumps({"known": len(known), "ms": spent, "hash_ms": hashes, **columns}))


if __name__ == "__main__":
    main()
