"""The folder a drawn collection is written to."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from vasari.retrieval.errors import UsageError
from vasari.training.scenes.dataset import DrawnCollection, render
from vasari.training.scenes.scene import Detail, Language, Scene, Split


def lines(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


def draw(directory: Path, count: int, seed: int = 7) -> None:
    render(directory, seed, count, Split.HELDOUT, size=32, workers=1, progress=False)


def contents(directory: Path) -> dict[str, bytes]:
    return {str(path.relative_to(directory)): path.read_bytes() for path in directory.rglob("*.*")}


def test_a_collection_is_a_coco_folder(tmp_path: Path) -> None:
    """Each picture exists and has a caption in every language and detail; the other files speak of it too."""
    draw(tmp_path, 3)
    captions = json.loads((tmp_path / "captions.json").read_text(encoding="utf-8"))
    assert [image["id"] for image in captions["images"]] == [0, 1, 2]
    assert all((tmp_path / image["file_name"]).is_file() for image in captions["images"])
    told = Counter((one["image_id"], one["language"], one["detail"]) for one in captions["annotations"])
    assert told == Counter(
        (i, lang.value, detail.value) for i in range(3) for lang in Language for detail in Detail
    )
    assert len({one["id"] for one in captions["annotations"]}) == len(captions["annotations"])
    for name in ("questions.jsonl", "hard_negatives.jsonl"):
        assert {row["image_id"] for row in lines(tmp_path / name)} == {0, 1, 2}
    scenes = lines(tmp_path / "scenes.jsonl")
    wanted = DrawnCollection(7, Split.HELDOUT)
    assert [Scene.from_dict(row["scene"]) for row in scenes] == [wanted.scene(index) for index in range(3)]


def test_a_smaller_collection_is_the_beginning_of_a_larger_one(tmp_path: Path) -> None:
    """Scene i does not depend on the count: a collection drawn in two goes equals one drawn at once."""
    draw(tmp_path / "once", 3)
    draw(tmp_path / "twice", 2)
    draw(tmp_path / "twice", 3)
    assert contents(tmp_path / "once") == contents(tmp_path / "twice")


def test_pictures_that_are_there_are_kept(tmp_path: Path) -> None:
    """A second run draws only what is missing, and clears away what a killed run left unfinished."""
    draw(tmp_path, 2)
    first, second = tmp_path / "images/000000.jpg", tmp_path / "images/000001.jpg"
    drawn = second.read_bytes()
    first.write_bytes(b"kept")
    second.replace(tmp_path / "images/000001.123.tmp")
    draw(tmp_path, 2)
    assert not list(tmp_path.rglob("*.tmp"))
    assert first.read_bytes() == b"kept"
    assert second.read_bytes() == drawn


def test_another_collection_is_not_mixed_in(tmp_path: Path) -> None:
    """A folder that holds another seed's pictures, or any pictures of unknown origin, is refused."""
    draw(tmp_path / "mine", 1)
    with pytest.raises(UsageError, match="another collection"):
        draw(tmp_path / "mine", 1, seed=8)
    (tmp_path / "yours/images").mkdir(parents=True)
    (tmp_path / "yours/images/holiday.jpg").write_bytes(b"")
    with pytest.raises(UsageError, match="already holds pictures"):
        draw(tmp_path / "yours", 1)


@pytest.mark.parametrize(("count", "size"), [(0, 64), (1, 8), (1, 5000)])
def test_senseless_wishes_are_refused(tmp_path: Path, count: int, size: int) -> None:
    """No pictures, or pictures of a senseless size, are a usage error before anything is written."""
    with pytest.raises(UsageError, match="cannot draw"):
        render(tmp_path, 1, count, Split.TRAIN, size=size, workers=1, progress=False)
    assert not list(tmp_path.iterdir())


def test_drawing_with_several_processes_gives_the_same_pictures(tmp_path: Path) -> None:
    """Two workers draw what one draws."""
    draw(tmp_path / "one", 10)
    render(tmp_path / "two", 7, 10, Split.HELDOUT, size=32, workers=2, progress=False)
    assert contents(tmp_path / "one") == contents(tmp_path / "two")
