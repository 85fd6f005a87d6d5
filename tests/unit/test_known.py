"""Is a picture known? Copies of drawn pictures, edited in many ways, and pictures that are none."""

from __future__ import annotations

import io
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NoReturn

import numpy as np
import pytest
from PIL import Image, ImageDraw, ImageEnhance, ImageFilter, ImageOps

from tests.grey import GreyLibrary
from tests.patience import LONG
from tests.unit.catalogs import SPACE, commit, facts
from vasari.indexer.job import index
from vasari.indexer.sources.folder import FolderSource
from vasari.retrieval import cancellation
from vasari.retrieval.catalog.catalog import Catalog
from vasari.retrieval.catalog.perceptual_hashes import ItemHashes
from vasari.retrieval.domain import Item, Modality
from vasari.retrieval.errors import AbandonedError, ImageError, ModelUnavailableError
from vasari.retrieval.images.overlap import CopyKind, overlap
from vasari.retrieval.images.phash import MAX_DISTANCE
from vasari.retrieval.library import duplicates
from vasari.retrieval.library.duplicates import near_hashes
from vasari.training.scenes.dataset import render
from vasari.training.scenes.scene import Split

Edit = Callable[[Image.Image], Image.Image]


def _cropped(left: float, top: float, right: float, bottom: float) -> Edit:
    return lambda p: p.crop(
        (round(left * p.width), round(top * p.height), round(right * p.width), round(bottom * p.height))
    )


def _written_over(picture: Image.Image) -> Image.Image:
    copy = picture.copy()
    ImageDraw.Draw(copy).rectangle((0, copy.height * 0.85, copy.width, copy.height), fill=(0, 0, 0))
    return copy


EDITS: list[tuple[str, Edit, set[CopyKind]]] = [
    ("half the size", lambda p: p.resize((p.width // 2, p.height // 2)), {CopyKind.RE_ENCODED}),
    ("cropped", _cropped(0.05, 0.1, 0.9, 0.95), {CopyKind.CROPPED}),
    ("a half", _cropped(0.3, 0.2, 0.9, 0.8), {CopyKind.CROPPED}),
    ("bordered", lambda p: ImageOps.expand(p, 30, "white"), {CopyKind.BORDERED}),
    ("brighter", lambda p: ImageEnhance.Brightness(p).enhance(1.3), {CopyKind.EDITED}),
    ("grey", lambda p: p.convert("L").convert("RGB"), {CopyKind.EDITED, CopyKind.RE_ENCODED}),
    ("mirrored", ImageOps.mirror, {CopyKind.EDITED}),
    ("turned", lambda p: p.rotate(90, expand=True), {CopyKind.EDITED}),
    ("written over", _written_over, {CopyKind.EDITED}),
]


@pytest.fixture(scope="module")
def drawn(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    """24 drawings of different scenes."""
    folder = tmp_path_factory.mktemp("drawn")
    render(folder, seed=11, count=24, split=Split.TRAIN, size=256)
    return sorted((folder / "images").iterdir())


@pytest.mark.parametrize(("edit", "kinds"), [pytest.param(e, k, id=name) for name, e, k in EDITS])
def test_edits_are_recognised(drawn: list[Path], edit: Edit, kinds: set[CopyKind]) -> None:
    """Of 24 pictures, edited and compressed, nearly all are told from the original's pixels, and in which way."""
    found = []
    for path in drawn:
        picture = Image.open(path).convert("RGB")
        seen = overlap(_jpeg(edit(picture)), picture)
        found.append(None if seen is None else seen.kind)
    assert sum(kind in kinds for kind in found) >= 20, found


def test_a_slight_tilt_is_recognised(drawn: list[Path]) -> None:
    """Turned by 3°, whose corners are filled then, four of five pictures are known, and as edited."""
    pictures = [Image.open(path).convert("RGB") for path in drawn[:24]]
    found = [seen for one in pictures if (seen := overlap(one.rotate(3), one)) is not None]
    assert len(found) >= 19
    assert {one.kind for one in found} == {CopyKind.EDITED}


def test_the_place_of_a_part_is_told(drawn: list[Path]) -> None:
    """The box says where in the larger picture the other lies."""
    picture = Image.open(drawn[0]).convert("RGB")
    found = overlap(_cropped(0.2, 0.3, 0.8, 0.9)(picture), picture)
    assert found is not None
    assert found.box == pytest.approx((0.2, 0.3, 0.6, 0.6), abs=0.03)


def test_other_pictures_are_no_copies(drawn: list[Path]) -> None:
    """No drawing is taken for another, though they are of one hand; a blank picture is no copy of anything."""
    pictures = [Image.open(path).convert("RGB") for path in drawn]
    pairs = [(a, b) for a in pictures for b in pictures if a is not b]
    wrong = [found for a, b in pairs[::3] if (found := overlap(a, b)) is not None]
    assert len(wrong) <= len(pairs) // 300
    assert overlap(Image.new("RGB", (64, 64), "white"), pictures[0]) is None


def test_fine_structure_may_be_lost() -> None:
    """Of gravel, say, a blurred and a much smaller copy are known; other gravel, blurred as much, is not."""
    one, other = _gravel(1), _gravel(2)
    for edit in (
        lambda p: p.filter(ImageFilter.GaussianBlur(3)),
        lambda p: p.resize((p.width // 3, p.height // 3)),
        lambda p: ImageOps.mirror(p.filter(ImageFilter.GaussianBlur(2))),
    ):
        assert overlap(_jpeg(edit(one)), one) is not None
        assert overlap(_jpeg(edit(other)), one) is None


@pytest.mark.parametrize("wide", [7, 25, 40])
def test_fine_structure_within_a_border_is_known(wide: int) -> None:
    """Where the border ends is told to the pixel: half of one beside, gravel is another."""
    one, other = _gravel(1), _gravel(2)
    for colour in ("white", "black"):
        found = overlap(_jpeg(ImageOps.expand(one, (wide, wide + 4), colour)), one)
        assert found is not None
        assert found.kind is CopyKind.BORDERED
        width, height = 320 + 2 * wide, 240 + 2 * (wide + 4)
        place = wide / width, (wide + 4) / height, 320 / width, 240 / height
        assert found.box == pytest.approx(place, abs=0.005)
        assert overlap(_jpeg(ImageOps.expand(other, (wide, wide + 4), colour)), one) is None


def _gravel(seed: int) -> Image.Image:
    """Structure of two and five pixels, above all, (320, 240)."""
    levels, grey = np.random.default_rng(seed), np.full((240, 320), 128, np.float32)
    for size, swing in ((2, 60), (5, 40), (80, 20)):
        noise = levels.normal(size=(240 // size, 320 // size)).astype(np.float32)
        grey += swing * np.asarray(Image.fromarray(noise).resize((320, 240)))
    return Image.fromarray(np.clip(grey, 0, 255).astype(np.uint8)).convert("RGB")


def _jpeg(picture: Image.Image) -> Image.Image:
    kept = io.BytesIO()
    picture.save(kept, "JPEG", quality=60)
    return Image.open(kept).convert("RGB")


@pytest.fixture
def library(tmp_path: Path, drawn: list[Path]) -> Iterator[GreyLibrary]:
    with GreyLibrary.open(tmp_path / "library", create=True) as opened:
        opened.use_model("grey")
        index(opened, FolderSource([drawn[0].parent]))
        yield opened


def test_a_library_knows_its_pictures(library: GreyLibrary, drawn: list[Path], tmp_path: Path) -> None:
    """The same bytes, a copy and a crop are known, each with its item first; a picture of its own is not."""
    same = library.duplicates_of(drawn[3])
    assert (same[0].kind, same[0].item.uri) == (CopyKind.SAME_BYTES, str(drawn[3]))
    picture = Image.open(drawn[3]).convert("RGB")
    for name, edit, kind in (
        ("small.jpg", EDITS[0][1], CopyKind.RE_ENCODED),
        ("part.png", EDITS[1][1], CopyKind.CROPPED),
    ):
        edit(picture).save(tmp_path / name)
        found = library.duplicates_of(tmp_path / name)
        assert (found[0].kind, found[0].item.uri) == (kind, str(drawn[3]))
        assert found[0].evidence.agreement is not None
    noise = np.random.default_rng(1).integers(0, 255, (64, 64, 3), dtype=np.uint8)
    Image.fromarray(noise).save(tmp_path / "noise.png")
    assert library.duplicates_of(tmp_path / "noise.png") == []
    (tmp_path / "broken.png").write_bytes(b"\x89PNG\r\n\x1a\n")
    with pytest.raises(ImageError, match=r"broken\.png"):
        library.duplicates_of(tmp_path / "broken.png")


@pytest.mark.parametrize("way", list(Image.Transpose))
def test_a_library_knows_what_was_turned(
    library: GreyLibrary, drawn: list[Path], tmp_path: Path, way: Image.Transpose
) -> None:
    """Mirrored or turned by right angles, a copy is known among nearly equal vectors, if the key's filter allows it."""
    Image.open(drawn[7]).convert("RGB").transpose(way).save(tmp_path / "turned.jpg", quality=70)
    found = library.duplicates_of(tmp_path / "turned.jpg")
    assert (found[0].kind, found[0].item.uri) == (CopyKind.EDITED, str(drawn[7]))
    known = library.catalog.perceptual_hashes.remembered()
    (own,) = known.hashes[known.ids == found[0].item.id].view(np.int64).tolist()
    for bits in (MAX_DISTANCE, MAX_DISTANCE + 5):
        assert near_hashes(known, [0, own], bits, np.array([found[0].item.id])) == {found[0].item.id: 0}
        assert (
            near_hashes(known, [own], bits, np.empty(0, np.int64)) == near_hashes(known, [], bits, None) == {}
        )


@pytest.mark.parametrize("distance", [0, MAX_DISTANCE, MAX_DISTANCE + 5])
def test_near_hashes_are_those_that_a_look_at_all_finds(distance: int) -> None:
    """By bands or one by one, all hashes within a distance are found, the nearest first, and no others."""
    random = np.random.default_rng(distance)
    hashes = random.integers(0, 2**64, 3000, dtype=np.uint64)
    asked = hashes[:3].copy()
    for row in range(3, 60):
        bits = random.choice(64, row % 15, replace=False)
        hashes[row] = asked[row % 3] ^ np.bitwise_or.reduce(np.uint64(1) << bits.astype(np.uint64), initial=0)
    ids, found = ItemHashes(np.arange(3000) * 2, hashes).near(asked.view(np.int64).tolist(), distance)
    least = np.bitwise_count(hashes[:, None] ^ asked).min(axis=1)
    assert sorted(ids.tolist()) == (np.flatnonzero(least <= distance) * 2).tolist()
    assert found.tolist() == sorted(least[least <= distance].tolist())


def test_what_hashes_find_is_not_embedded(
    library: GreyLibrary, drawn: list[Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Copies and bordered ones are known without a model; a part of a picture is not."""
    picture = Image.open(drawn[9]).convert("RGB")
    picture.resize((128, 128)).save(tmp_path / "small.jpg")
    ImageOps.expand(picture, 60, "white").save(tmp_path / "bordered.jpg")
    _cropped(0.4, 0.3, 0.9, 0.8)(picture).save(tmp_path / "part.png")

    def embed_candidate(*_: object) -> NoReturn:
        raise ModelUnavailableError("it is not to be asked")

    monkeypatch.setattr(library, "embed_candidate", embed_candidate)
    for name, kind in (("small.jpg", CopyKind.RE_ENCODED), ("bordered.jpg", CopyKind.BORDERED)):
        (found, *_) = library.duplicates_of(tmp_path / name)
        assert (found.kind, found.item.uri, found.evidence.cosine) == (kind, str(drawn[9]), None)
    with pytest.raises(ModelUnavailableError):
        library.duplicates_of(tmp_path / "part.png")


def test_where_the_original_is_gone_hash_and_vector_speak(
    library: GreyLibrary, drawn: list[Path], tmp_path: Path
) -> None:
    """A copy of a picture whose file cannot be read is known by its hash and vector, and says that nobody looked."""
    picture = Image.open(drawn[5]).convert("RGB")
    picture.resize((100, 100)).save(tmp_path / "copy.jpg")

    def gone(_item: object) -> bytes:
        raise ImageError("it is gone", "read")

    library.read_original = gone
    found = library.duplicates_of(tmp_path / "copy.jpg")
    assert str(drawn[5]) in {one.item.uri for one in found}
    assert all(one.evidence.agreement is None for one in found)


def test_what_cannot_be_read_takes_no_look_from_others(
    library: GreyLibrary, drawn: list[Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A part is known by its vector, though hashes name three pictures that are gone and likelier than its own."""
    _cropped(0.3, 0.2, 0.9, 0.8)(Image.open(drawn[7]).convert("RGB")).save(tmp_path / "part.png")
    found = library.duplicates_of(tmp_path / "part.png")
    assert [(one.item.uri, one.kind) for one in found] == [(str(drawn[7]), CopyKind.CROPPED)]
    items = library.items(library.catalog.items.live_ids(Modality.IMAGE).tolist())
    gone = {item for item, told in items.items() if told.uri != str(drawn[7])}
    read = library.read_original

    def reading(item: Item) -> bytes:
        if item.id in gone:
            raise ImageError("it is gone", "read")
        return read(item)

    library.read_original = reading
    monkeypatch.setattr(duplicates, "near_hashes", lambda *_: dict.fromkeys(sorted(gone)[:3], 0))
    found = library.duplicates_of(tmp_path / "part.png")
    assert [(one.item.uri, one.kind) for one in found if one.evidence.agreement is not None] == [
        (str(drawn[7]), CopyKind.CROPPED)
    ]


def test_candidates_are_read_side_by_side(
    library: GreyLibrary, drawn: list[Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Files are waited for together, and not after whoever asked has left."""
    copies = [tmp_path / f"{side}.jpg" for side in (200, 220, 240)]
    for path, side in zip(copies, (200, 220, 240), strict=True):
        Image.open(drawn[11]).convert("RGB").resize((side, side)).save(path)
    for path in copies[:2]:
        library.add(path)
    read, together = library.read_original, threading.Barrier(3, timeout=LONG)

    def reading(item: Item) -> bytes:
        cancellation.check()
        together.wait()
        return read(item)

    monkeypatch.setattr(library, "read_original", reading)
    known = {one.item.uri for one in library.duplicates_of(copies[2])}
    assert {str(path) for path in (drawn[11], copies[0], copies[1])} <= known
    left = threading.Event()
    left.set()
    with cancellation.watching(left), pytest.raises(AbandonedError):
        library.duplicates_of(copies[2])


def test_what_comes_later_is_known(library: GreyLibrary, drawn: list[Path], tmp_path: Path) -> None:
    """Remembered hashes follow the library."""
    assert library.duplicates_of(drawn[0]) != []
    library.remove(drawn[0])
    assert all(one.item.uri != str(drawn[0]) for one in library.duplicates_of(drawn[0]))
    noise = np.random.default_rng(2).integers(0, 255, (64, 64, 3), dtype=np.uint8)
    Image.fromarray(noise).save(tmp_path / "new.png")
    (item,) = library.add(tmp_path / "new.png")
    Image.fromarray(noise).resize((80, 80)).save(tmp_path / "copy.png")
    assert [one.item.id for one in library.duplicates_of(tmp_path / "copy.png")] == [item]


def test_remembered_hashes_are_those_of_the_catalog(catalog: Catalog) -> None:
    """What came, changed, went and changed places since the last look is seen; hashes have all 64 bits."""
    catalog.spaces.ensure(SPACE)

    def put(hashes: dict[int, int]) -> None:
        commit(catalog, *(facts(item, f"/{item}", f"{n}", fingerprint=n) for item, n in hashes.items()))

    def remembered() -> dict[int, int]:
        known = catalog.perceptual_hashes.remembered()
        return dict(zip(known.ids.tolist(), known.hashes.view(np.int64).tolist(), strict=True))

    a, b, c, d = catalog.items.reserve(4)
    assert remembered() == {}
    put({a: -1, b: 2**62 + 5, c: -(2**63)})
    assert remembered() == {a: -1, b: 2**62 + 5, c: -(2**63)}
    put({d: 7})
    assert remembered() == {a: -1, b: 2**62 + 5, c: -(2**63), d: 7}
    put({a: 2**62 + 5, b: -1})
    assert remembered() == {a: 2**62 + 5, b: -1, c: -(2**63), d: 7}
    catalog.items.delete([d])
    assert remembered() == {a: 2**62 + 5, b: -1, c: -(2**63)}
