"""COCO and Karpathy's files as converters write them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from vasari.indexer.sources.detect import choose_source
from vasari.indexer.sources.source import Candidate, SourceKind
from vasari.retrieval.domain import Skipped


@pytest.fixture(autouse=True)
def pictures(tmp_path: Path) -> None:
    """Files that are there; what is in them is not looked at when they are listed."""
    for name in ("a.png", "b.png"):
        (tmp_path / name).write_bytes(b"")


def _listed(tmp_path: Path, **lists: Any) -> tuple[dict[str, list[str]], list[str]]:
    (tmp_path / "c.json").write_text(json.dumps(lists))
    source, kinds = choose_source([tmp_path / "c.json"])
    assert kinds == {SourceKind.COCO}
    found, wrong = {}, []
    for entry in source.candidates():
        if isinstance(entry, Candidate):
            found[entry.uri.rpartition("/")[2]] = [caption.text for caption in entry.captions]
        else:
            assert isinstance(entry, Skipped)
            wrong.append(entry.reason)
    return found, wrong


@pytest.mark.parametrize("mine", ["1", 1, 1.0, "000001", " 1 "])
@pytest.mark.parametrize("theirs", ["1", 1, 1.0, "01"])
def test_ids_are_compared_as_they_read(tmp_path: Path, mine: object, theirs: object) -> None:
    """Numbers, texts, fractions, and numbers filled up with zeros."""
    images = [{"id": mine, "file_name": "a.png"}]
    notes = [{"image_id": theirs, "caption": "a red boat"}]
    assert _listed(tmp_path, images=images, annotations=notes) == ({"a.png": ["a red boat"]}, [])


def test_ids_that_differ_in_zeros_only_stay_apart(tmp_path: Path) -> None:
    """Where a file has both, each is itself."""
    images = [{"id": "7", "file_name": "a.png"}, {"id": "007", "file_name": "b.png"}]
    notes = [{"image_id": "7", "caption": "seven"}, {"image_id": "007", "caption": "a spy"}]
    assert _listed(tmp_path, images=images, annotations=notes)[0] == {"a.png": ["seven"], "b.png": ["a spy"]}


def test_bad_annotations_and_images_are_failures_of_their_own(tmp_path: Path) -> None:
    """Without an id, a caption or a name, or no objects at all: the rest is taken."""
    images = [{"id": 1, "file_name": "a.png"}, {"id": 2}, "x", {"id": 3, "file_name": None, "path": "b.png"}]
    notes = [{"caption": "whose?"}, {"image_id": 1, "caption": None}, 5, {"image_id": 3, "caption": "a boat"}]
    found, wrong = _listed(tmp_path, images=images, annotations=notes)
    assert found == {"a.png": [], "b.png": ["a boat"]}
    assert wrong == [
        "image 2 of c.json: no file_name",
        "image 3 of c.json: it is no object",
        "annotation 1 of c.json: no image_id",
        "annotation 2 of c.json: no caption",
        "annotation 3 of c.json: it is no object",
    ]


def test_annotations_of_pictures_that_are_not_listed_are_one_failure(tmp_path: Path) -> None:
    """However many there are: a part of COCO's pictures often has all of its captions."""
    notes = [{"image_id": number, "caption": "x"} for number in range(1, 9)]
    found, wrong = _listed(tmp_path, images=[{"id": 1, "file_name": "a.png"}], annotations=notes)
    assert found == {"a.png": ["x"]}
    assert wrong == [
        "annotation 2 of c.json: image_id 2 is not among the images, as those of 6 more annotations"
    ]


@pytest.mark.parametrize(
    "lists",
    [
        {"info": {}, "categories": []},
        {"annotations": []},
        {"annotations": None},
        {"annotations": [{"image_id": 1, "category_id": 3, "bbox": [0, 0, 1, 1]}], "categories": [{"id": 3}]},
    ],
)
def test_images_without_captions_are_images(tmp_path: Path, lists: dict[str, Any]) -> None:
    """`image_info_test2017.json` has no annotations, `instances_val2017.json` boxes."""
    assert _listed(tmp_path, images=[{"id": 1, "file_name": "a.png"}], **lists) == ({"a.png": []}, [])


def test_a_picture_that_is_on_the_web_only_is_taken_from_there(tmp_path: Path) -> None:
    """Without a file's name its URL is the name."""
    images = [{"id": 1, "coco_url": "http://images.example/a.jpg"}]
    (tmp_path / "c.json").write_text(json.dumps({"images": images}))
    (entry,) = choose_source([tmp_path / "c.json"])[0].candidates()
    assert entry.uri == "http://images.example/a.jpg"


def test_karpathys_file_is_indexed_with_its_sentences(tmp_path: Path) -> None:
    """Folder and name are apart, and the split is an attribute."""
    (tmp_path / "val2014").mkdir()
    (tmp_path / "a.png").rename(tmp_path / "val2014" / "a.png")
    sentences = [{"raw": "A dog.", "tokens": ["a", "dog"]}, {"raw": "A cat."}]
    images = [
        {"filepath": "val2014", "filename": "a.png", "split": "test", "sentences": sentences, "cocoid": 9}
    ]
    assert _listed(tmp_path, images=images, dataset="coco") == ({"a.png": ["A dog.", "A cat."]}, [])
    (entry,) = choose_source([tmp_path / "c.json"])[0].candidates()
    assert isinstance(entry, Candidate)
    assert entry.attributes == {"split": "test", "cocoid": 9}
