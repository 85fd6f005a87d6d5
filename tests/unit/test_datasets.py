"""Datasets in the formats they are published in."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.grey import GreyEncoder, write_picture
from vasari.retrieval.errors import NotFoundError, UsageError
from vasari.retrieval.evaluation.datasets import load_dataset, read_captions
from vasari.retrieval.evaluation.embeddings import EmbeddingFiles, UnreadableError


def pictures(folder: Path, *names: str) -> None:
    for name in names:
        file = folder / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(b"a picture")


def test_flickr_captions_with_a_missing_picture(tmp_path: Path) -> None:
    """Five captions a picture, commas in captions, and what is not on disk is named and left out."""
    pictures(tmp_path, "Images/a.jpg", "Images/b.jpg")
    lines = [f"{name}.jpg,A dog , running, number {n}" for name in ("a", "gone", "b") for n in range(5)]
    (tmp_path / "captions.txt").write_text("image,caption\n" + "\n".join(lines) + "\n")
    dataset = load_dataset(tmp_path)
    assert [image.name for image in dataset.images] == ["a.jpg", "b.jpg"]
    assert len(dataset.texts) == 10
    assert dataset.texts[0] == "A dog , running, number 0"
    assert dataset.missing == ("gone.jpg",)
    assert dataset.captions_of() == [[0, 1, 2, 3, 4], [5, 6, 7, 8, 9]]


def test_flickr_tokens(tmp_path: Path) -> None:
    """name#0, a tab, the caption."""
    pictures(tmp_path, "a.jpg")
    (tmp_path / "results.token").write_text("a.jpg#0\tA dog .\na.jpg#1\tA cat .\n")
    assert load_dataset(tmp_path).texts == ("A dog .", "A cat .")


def test_flickr30k_table_with_bars(tmp_path: Path) -> None:
    """`results.csv` parts its columns with bars and numbers the captions."""
    pictures(tmp_path, "a.jpg")
    file = tmp_path / "results.csv"
    file.write_text("image_name| comment_number| comment\na.jpg| 0| Two men , one tall .\n")
    assert load_dataset(file).texts == ("Two men , one tall .",)


def coco(folder: Path) -> None:
    pictures(folder, "images/1.jpg", "images/2.jpg")
    notes = [
        {"image_id": 1, "caption": "a boat", "language": "en", "detail": "high"},
        {"image_id": 1, "caption": "ein Boot", "language": "de", "detail": "high"},
        {"image_id": 2, "caption": "a car", "language": "en", "detail": "high"},
        {"image_id": 2, "caption": "car", "language": "en", "detail": "low"},
    ]
    images = [{"id": n, "file_name": f"images/{n}.jpg"} for n in (1, 2)]
    (folder / "captions.json").write_text(json.dumps({"images": images, "annotations": notes}))


def test_coco_captions_by_language_and_detail(tmp_path: Path) -> None:
    """Captions that name their language and detail are chosen by them."""
    coco(tmp_path)
    assert load_dataset(tmp_path, language="en", detail="high").texts == ("a boat", "a car")
    assert load_dataset(tmp_path, language="de").texts == ("ein Boot",)
    assert read_captions(tmp_path).languages == ["en", "de"]
    assert load_dataset(tmp_path, limit=1, language="en").texts == ("a boat",)


def test_coco_as_downloaded_finds_pictures_by_the_annotations_name(tmp_path: Path) -> None:
    """annotations/captions_val2017.json goes with val2017/."""
    pictures(tmp_path, "val2017/000001.jpg")
    (tmp_path / "annotations").mkdir()
    data = {
        "images": [{"id": 1, "file_name": "000001.jpg"}],
        "annotations": [{"image_id": 1, "caption": "x"}],
    }
    (tmp_path / "annotations" / "captions_val2017.json").write_text(json.dumps(data))
    assert load_dataset(tmp_path).images == (tmp_path / "val2017" / "000001.jpg",)


def test_coco_as_downloaded_is_measured_on_val_and_trained_on_train(tmp_path: Path) -> None:
    """Both files lie in one folder."""
    (tmp_path / "annotations").mkdir()
    for split in ("train2017", "val2017"):
        pictures(tmp_path, f"{split}/1.jpg")
        data = {
            "images": [{"id": 1, "file_name": "1.jpg"}],
            "annotations": [{"image_id": 1, "caption": split}],
        }
        (tmp_path / "annotations" / f"captions_{split}.json").write_text(json.dumps(data))
    assert load_dataset(tmp_path).texts == ("val2017",)
    assert load_dataset(tmp_path, split="train").texts == ("train2017",)


def test_flickr30k_as_on_kaggle(tmp_path: Path) -> None:
    """A folder in a folder of the same name, beside it a table of which one row lacks a bar."""
    pictures(tmp_path, "flickr30k_images/flickr30k_images/a.jpg")
    (tmp_path / "flickr30k_images" / "results.csv").write_text(
        "image_name| comment_number| comment\na.jpg| 0| 2 men .\na.jpg| 4   A dog runs .\n"
    )
    for place in (tmp_path, tmp_path / "flickr30k_images"):
        assert load_dataset(place).texts == ("2 men .", "A dog runs .")


def test_karpathy_splits(tmp_path: Path) -> None:
    """The test split is the default; the others can be asked for."""
    pictures(tmp_path, "val2014/a.jpg", "train2014/b.jpg")
    rows = [
        {"filepath": "val2014", "filename": "a.jpg", "split": "test", "sentences": [{"raw": "A dog."}]},
        {"filepath": "train2014", "filename": "b.jpg", "split": "train", "sentences": [{"raw": "A cat."}]},
    ]
    (tmp_path / "dataset_coco.json").write_text(json.dumps({"images": rows, "dataset": "coco"}))
    assert load_dataset(tmp_path).texts == ("A dog.",)
    assert load_dataset(tmp_path, split="train").texts == ("A cat.",)


def test_json_lines(tmp_path: Path) -> None:
    """One object a line, one caption or several."""
    pictures(tmp_path, "a.jpg")
    (tmp_path / "pairs.jsonl").write_text(
        '{"image": "a.jpg", "caption": "one"}\n\n{"image": "a.jpg", "captions": ["two", "three"]}\n'
    )
    assert load_dataset(tmp_path / "pairs.jsonl").texts == ("one", "two", "three")


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("pairs.jsonl", '{"image": "a.jpg"}\n', "line 1"),
        ("captions.json", "{", "not valid JSON"),
        ("captions.json", "[" * 100_000, "nested too deeply"),
        ("captions.json", "[]", "neither COCO"),
        ("captions.json", '{"images": [{"id": 1}], "annotations": []}', "missing"),
        ("captions.txt", "image,caption\nonlyname\n", "line 2"),
        ("x.token", "a.jpg#0 no tab\n", "line 1"),
        ("captions.txt", "image,caption\ngone.jpg,A dog\n", "none of the 1 pictures"),
    ],
)
def test_broken_annotations_are_named_in_one_line(
    tmp_path: Path, name: str, content: str, message: str
) -> None:
    """A person learns which file and line to mend."""
    (tmp_path / name).write_text(content)
    with pytest.raises(UsageError, match=message) as caught:
        load_dataset(tmp_path)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "cp1252"])
@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("captions.txt", 'image,caption\na.jpg,été, "lake"\nno caption here\n'),
        ("x.token", 'a.jpg#0\tété, "lake"\nno tab\n'),
        ("p.tsv.csv", 'image\tcaption\na.jpg\tété, "lake"\nnone\n'),
        ("p.jsonl", '{"image": "a.jpg", "caption": "été, \\"lake\\""}\n{"image": 5}\n[1]\n{\n'),
    ],
)
def test_one_bad_line_in_any_encoding_leaves_the_rest(
    tmp_path: Path, encoding: str, name: str, content: str
) -> None:
    """Captions files as Excel and others write them; what is left out is told with its line."""
    pictures(tmp_path, "a.jpg")
    (tmp_path / name).write_bytes(content.encode(encoding))
    dataset = load_dataset(tmp_path / name)
    assert dataset.texts == ('été, "lake"',)
    assert dataset.broken
    assert all(reason.startswith("line ") for reason in dataset.broken)


def test_one_bad_entry_of_coco_or_karpathy_leaves_the_rest(tmp_path: Path) -> None:
    """Ids are compared as they read."""
    pictures(tmp_path, "a.jpg")
    notes = [{"image_id": 1, "caption": "a boat"}, {"caption": "whose?"}, 7]
    coco = {"images": [{"id": "1", "file_name": "a.jpg"}, {"id": 2}], "annotations": notes}
    (tmp_path / "captions.json").write_text(json.dumps(coco))
    dataset = load_dataset(tmp_path / "captions.json")
    assert (dataset.texts, len(dataset.broken)) == (("a boat",), 3)
    images = [
        {"filename": "a.jpg", "split": "test", "sentences": [{"raw": "A dog."}]},
        {"split": "test"},
        None,
    ]
    (tmp_path / "dataset_x.json").write_text(json.dumps({"images": images}))
    dataset = load_dataset(tmp_path / "dataset_x.json")
    assert (dataset.texts, len(dataset.broken)) == (("A dog.",), 2)


def test_no_dataset(tmp_path: Path) -> None:
    """An empty folder and a wrong path are told apart from broken files."""
    with pytest.raises(NotFoundError, match="no annotations"):
        load_dataset(tmp_path)
    with pytest.raises(NotFoundError, match="no dataset"):
        load_dataset(tmp_path / "nowhere")


def test_pictures_that_cannot_be_decoded_leave_the_rest(tmp_path: Path) -> None:
    """All of them are found at once, and their captions go with them."""
    for number, name in enumerate(("a.png", "c.png")):
        write_picture(tmp_path / name, number)
    (tmp_path / "b.png").write_bytes(b"no picture")
    (tmp_path / "captions.txt").write_text("image,caption\na.png,one\nb.png,two\nc.png,three\n")
    dataset = load_dataset(tmp_path)
    cache = EmbeddingFiles(None)
    with pytest.raises(UnreadableError, match=r"b\.png: this is not an image") as caught:
        cache.pictures(dataset.images, GreyEncoder(), lambda _: None)
    rest = dataset.without(caught.value.files)
    assert (rest.texts, rest.answers, len(rest.broken)) == (("one", "three"), (0, 1), 1)
    assert len(cache.pictures(rest.images, GreyEncoder(), lambda _: None)) == 2
    with pytest.raises(UsageError, match="none of the 2 pictures"):
        rest.without(dict.fromkeys(rest.images, "gone"))
