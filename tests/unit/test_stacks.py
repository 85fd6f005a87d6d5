"""Stacks: which pictures the rules put together, what people do about it, and searches that show one of each."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from tests.grey import GreyLibrary
from tests.unit.catalogs import SPACE, commit, facts
from vasari.indexer.job import index
from vasari.indexer.sources.folder import FolderSource
from vasari.retrieval.catalog.catalog import Catalog
from vasari.retrieval.catalog.stacks import Shot, Stack, StackRule
from vasari.retrieval.domain import Modality, SearchRequest, Term, TermKind, UnitVectors, unit_vectors
from vasari.retrieval.errors import UsageError
from vasari.retrieval.library.stacking import stacks_of


class Angles:
    """Vectors in a plane: the cosine of two is that of the angle between them."""

    def __init__(self, degrees: dict[int, float]) -> None:
        self._degrees = degrees
        self.read = 0

    def ids(self) -> NDArray[np.int64]:
        return np.array(sorted(self._degrees), np.int64)

    def vectors_of(self, ids: Sequence[int] | NDArray[np.int64]) -> UnitVectors:
        self.read += len(ids)
        turned = np.radians([self._degrees[int(item)] for item in ids])
        return unit_vectors(np.stack([np.cos(turned), np.sin(turned)], axis=1))


def made(*shots: Shot, degrees: dict[int, float] | None = None) -> list[tuple[str, tuple[int, ...]]]:
    """The stacks of these pictures, all alike unless their angles are given."""
    found = stacks_of(shots, Angles(degrees or {shot.id: 0 for shot in shots}))
    return sorted((str(stack.rule), stack.items) for stack in found)


def at(second: float) -> str:
    return f"2024-05-01T12:30:{second:06.3f}".removesuffix(".000")


@pytest.mark.parametrize(
    ("rule", "names"),
    [
        ("raw", ["IMG_1.JPG", "img_1.dng"]),
        ("raw", ["IMG_1.jpg", "IMG_1.cr2", "IMG_1.heic"]),
        ("live", ["IMG_0001.HEIC", "IMG_0001.JPG"]),
        ("live", ["PXL_20240501_123000123.jpg", "PXL_20240501_123000123.MP.jpg"]),
        ("live", ["PXL_1.PORTRAIT-01.COVER.jpg", "PXL_1.PORTRAIT-02.ORIGINAL.jpg"]),
        ("raw", ["PXL_1.RAW-01.MP.COVER.jpg", "PXL_1.RAW-02.ORIGINAL.dng"]),
        ("live", ["MVIMG_20240501.jpg", "IMG_20240501.jpg"]),
        ("edit", ["IMG_1234.HEIC", "IMG_E1234.HEIC"]),
        ("edit", ["boat.jpg", "boat-edited.jpg", "boat copy.jpg", "boat copy 2.jpg", "boat (1).jpg", "boat~2.jpg"]),
        ("edit", ["Käse.jpg", "Ka\u0308se-Edit.tif"]),
        ("edit", ["a-bearbeitet.jpg", "a.jpg", "a-modifié.jpg", "a-editado.jpg", "a-編集済み.jpg", "a-已修改.jpg"]),
        ("edit", ["PXL_20240501_123000123.MP.jpg", "PXL_20240501_123000123.MP~2.jpg"]),
        ("edit", ["PXL_20240501_123000123.NIGHT.jpg", "PXL_20240501_123000123.NIGHT-edited(1).jpg"]),
        ("live", ["PXL_1.LONG_EXPOSURE-01.COVER.jpg", "PXL_1.LONG_EXPOSURE-02.ORIGINAL.jpg"]),
        ("live", ["PXL_1.ACTION_PAN-01.COVER.jpg", "PXL_1.ACTION_PAN-02.ORIGINAL.jpg"]),
        ("edit", ["DSC01234.cr2", "DSC01234-Edit-2.tif", "DSC01234-HDR-2.tif", "DSC01234-Enhanced-SR.tif"]),
        ("edit", ["a.jpg", "a - Copy.jpg", "a - Copy (2).jpg", "Copy of a.jpg", "a (another copy).jpg"]),
        ("edit", ["a.jpg", "a - Kopie.jpg", "a Kopie 2.jpg", "Kopie von a.jpg", "a - Copie.jpg", "a - copia (2).jpg"]),
        ("edit", ["a.jpg", "a - コピー.jpg", "aのコピー2.jpg", "a - 副本 (2).jpg", "a 拷贝.jpg"]),
    ],
)  # fmt: skip
def test_names_make_stacks(rule: str, names: list[str]) -> None:
    """What cameras, phones and editors write of one picture is one stack, whatever the case of the letters."""
    formats = [("raw" if name.endswith(("dng", "cr2")) else "jpeg") for name in names]
    shots = [
        Shot(n, f"/p/{name}", kind) for n, (name, kind) in enumerate(zip(names, formats, strict=True), 1)
    ]
    assert made(*shots) == [(rule, tuple(range(1, len(names) + 1)))]


@pytest.mark.parametrize(
    ("shots", "degrees"),
    [
        ([Shot(1, "/p/a.jpg"), Shot(2, "/q/a.heic")], {}),  # other folders
        ([Shot(1, "/p/a.jpg"), Shot(2, "/p/ab.jpg")], {}),
        ([Shot(1, "/p/a.jpg"), Shot(2, "/p/a (1).jpg")], {2: 40}),  # another picture of the same name
        ([Shot(1, "/p/a.jpg", taken=at(0)), Shot(2, "/p/a (1).jpg", taken=at(9))], {}),
        ([Shot(1, "/p/a.jpg", taken=at(0)), Shot(2, "/p/a.dng", "raw", taken=at(9))], {}),
        ([Shot(1, "/p/a.jpg"), Shot(2, "/p/a.png")], {2: None}),  # without a vector
        ([Shot(1, "/p/copy.jpg"), Shot(2, "/p/(1).jpg")], {}),
        ([Shot(1, "/p/a.jpg"), Shot(2, "/p/a-edit-2020.jpg")], {}),
        ([Shot(1, "/p/a.jpg"), Shot(2, "/p/acopy.jpg")], {}),
        ([Shot(1, "/p/a (1).jpg"), Shot(2, "/p/a (2).jpg")], {}),  # a folder that was renamed at once
        ([Shot(1, "/p/a.jpg"), Shot(2, "/p/a (1).jpg")], {2: 30}),  # sent at one moment
        ([Shot(1, "/p/a.jpg", taken="2024-05-01"), Shot(2, "/p/b.jpg", taken="2024-05-01")], {}),
        ([Shot(1, "/p/a.jpg", taken=at(0), camera="X"), Shot(2, "/p/b.jpg", taken=at(1), camera="Y")], {}),
        ([Shot(1, "/p/a.jpg", taken=at(0)), Shot(2, "/p/b.jpg", taken=at(1))], {2: 30}),
        ([Shot(1, "/p/a.jpg", taken=at(0)), Shot(2, "/p/b.jpg", taken=at(3.5))], {}),
        ([Shot(1, "/p/a.jpg", taken="soon, at some time or"), Shot(2, "/p/b.jpg", taken="soon")], {}),
        ([], {}),
        ([Shot(1, "/p/a.jpg")], {}),
    ],
)
def test_what_only_looks_like_it_is_no_stack(shots: list[Shot], degrees: dict[int, float | None]) -> None:
    """Other folders, other moments, other pictures of the same name."""
    turned = {shot.id: degrees.get(shot.id, 0.0) for shot in shots}
    known = {item: angle for item, angle in turned.items() if angle is not None}
    assert stacks_of(shots, Angles(known)) == []


def test_numbered_pictures_have_their_own_edits_and_raws() -> None:
    """Of two pictures that would have one name each keeps what belongs to it."""
    names = ["a.jpg", "a-edited.jpg", "a(1).jpg", "a-edited(1).jpg", "b.jpg", "b(1).jpg", "b(1).dng"]
    shots = [Shot(n, f"/p/{name}", name[-3:].replace("dng", "raw")) for n, name in enumerate(names)]
    degrees = {0: 0.0, 1: 0.0, 2: 90.0, 3: 90.0, 4: 0.0, 5: 90.0, 6: 90.0}
    assert made(*shots, degrees=degrees) == [("edit", (0, 1)), ("edit", (2, 3)), ("raw", (5, 6))]


def test_a_burst_does_not_chain() -> None:
    """A long series becomes several bursts, each within three seconds of its first; so does one that drifts."""
    series = [Shot(n, f"/p/{n}.jpg", "jpeg", at(n * 0.5), "X") for n in range(1, 18)]
    bursts = made(*series)
    assert bursts == [("burst", tuple(range(1, 8))), ("burst", tuple(range(8, 15))), ("burst", (15, 16, 17))]
    drifting = [Shot(n, f"/p/{n}.jpg", "jpeg", at(n * 0.1), "X") for n in range(1, 9)]
    degrees = {n: n * 10.0 for n in range(1, 9)}  # cos 20° is above 0.9, cos 30° is not
    assert made(*drifting, degrees=degrees) == [("burst", (1, 2, 3)), ("burst", (4, 5, 6)), ("burst", (7, 8))]


def test_where_a_clock_stood_still_few_are_held_against_each_other() -> None:
    """Of pictures of one moment each is compared with those after it that a camera could have taken, and no others."""
    shots = [Shot(n, f"/p/{n}.jpg", taken=at(0)) for n in range(1, 3001)]
    angles = Angles({shot.id: shot.id % 12 * 30.0 for shot in shots})  # every twelfth is alike
    stacks = stacks_of(shots, angles)
    assert stacks[0] == Stack(StackRule.BURST, tuple(range(1, 129, 12)))
    assert sorted(item for stack in stacks for item in stack.items) == [shot.id for shot in shots]
    assert all(stack.items[-1] - stack.items[0] < 128 for stack in stacks)
    assert angles.read < 2 * len(shots)


def test_pairs_join_a_burst_whole_or_not_at_all() -> None:
    """RAW and JPEG of each shot stay together."""
    shots = []
    for n in range(3):
        shots.append(Shot(2 * n + 1, f"/p/{n}.jpg", "jpeg", at(n), "X"))
        shots.append(Shot(2 * n + 2, f"/p/{n}.nef", "raw", at(n), "X"))
    assert made(*shots) == [("burst", (1, 2, 3, 4, 5, 6))]
    degrees = dict.fromkeys(range(1, 7), 0.0) | {4: 50.0}
    assert made(*shots, degrees=degrees) == [("burst", (1, 2, 5, 6)), ("raw", (3, 4))]


def fill(catalog: Catalog, count: int) -> list[int]:
    catalog.spaces.ensure(SPACE)
    ids = list(catalog.items.reserve(count))
    commit(catalog, *(facts(item, f"/{item}.jpg", f"h{item}") for item in ids))
    return ids


def test_stacks_are_remembered_and_follow_the_rules(catalog: Catalog) -> None:
    """Saving says what is new; the same again writes nothing, so that nothing that is remembered is forgotten."""
    a, b, c, d = fill(catalog, 4)
    stacks = catalog.stacks
    assert stacks.save([Stack(StackRule.RAW, (a, b)), Stack(StackRule.BURST, (c, d))]) == 2
    before = catalog.revision()
    assert stacks.save([Stack(StackRule.BURST, (c, d)), Stack(StackRule.RAW, (a, b))]) == 0
    assert catalog.revision() == before
    assert stacks.save([Stack(StackRule.BURST, (b, c, d))]) == 1
    assert stacks.all() == [Stack(StackRule.BURST, (b, c, d))]
    assert (stacks.with_item(c), stacks.with_item(a)) == ((b, c, d), ())
    catalog.items.delete([c, d])
    assert (stacks.all(), stacks.with_item(b)) == ([], (b,))


def test_people_come_before_rules(catalog: Catalog) -> None:
    """A stack by hand stays, and what was taken out stays out, whatever the rules say."""
    a, b, c, d, e = fill(catalog, 5)
    stacks = catalog.stacks
    stacks.save([Stack(StackRule.BURST, (a, b, c))])
    assert stacks.make([d, b, b, 10**6]) == (b, d)
    stacks.take_out([c])
    assert stacks.all() == [Stack(StackRule.HAND, (b, d))]
    assert [shot.id for shot in stacks.shots()] == [a, e]
    stacks.save([Stack(StackRule.BURST, (a, b, e)), Stack(StackRule.EDIT, (c, d))])
    assert stacks.all() == [Stack(StackRule.BURST, (a, e)), Stack(StackRule.HAND, (b, d))]
    with pytest.raises(UsageError, match="at least two"):
        stacks.make([a, a])
    assert stacks.make([c, e]) == (c, e)


def test_a_stack_goes_with_what_is_purged(catalog: Catalog) -> None:
    """Nothing is left of an item that is forgotten for good."""
    a, b = fill(catalog, 2)
    catalog.stacks.make([a, b])
    catalog.items.lose([a])
    assert catalog.stacks.all() == []
    assert catalog.items.purge([a]) == 1
    assert catalog.stacks.with_item(b) == (b,)


def test_searches_show_one_of_each_stack(tmp_path: Path) -> None:
    """A job makes the stacks, and a search by stack shows one picture of each with how many it stands for."""
    photos = tmp_path / "photos"
    photos.mkdir()
    chance = np.random.default_rng(2)
    for name in ("boat", "house", "tree"):
        drawn = Image.fromarray(chance.integers(0, 255, (4, 4, 3), dtype=np.uint8)).resize((64, 64))
        drawn.save(photos / f"{name}.png")
        if name != "tree":
            drawn.save(photos / f"{name}-edited.png", compress_level=1)
    with GreyLibrary.open(tmp_path / "library", create=True) as library:
        library.use_model("grey")
        index(library, FolderSource([photos]))
        ids = {Path(item.uri).stem: item.id for item in library.items(range(1, 6)).values()}
        edits = [Stack(StackRule.EDIT, (ids[name], ids[f"{name}-edited"])) for name in ("boat", "house")]
        assert {(stack.rule, stack.items) for stack in library.catalog.stacks.all()} == {
            (stack.rule, tuple(sorted(stack.items))) for stack in edits
        }
        request = SearchRequest((Term(TermKind.ITEM, item=ids["boat"]),), group_by="stack")
        hits = library.search(request).hits
        assert len(hits) == 3
        assert sorted((hit.members or 0, hit.group) for hit in hits) == [(1, None), (2, None), (2, None)]
        labels = library.catalog.groupings.labels("stack", Modality.TEXT)
        assert len(labels.ids) == len(labels.values) == 0
