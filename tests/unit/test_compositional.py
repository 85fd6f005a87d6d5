"""SugarCrepe, ARO and Winoground: their files and their figures, with a model that sees colours."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from tests import cited
from tests.service.colours import ColourEncoder, ColourReranker
from vasari.retrieval.errors import UsageError
from vasari.retrieval.evaluation.compositional import (
    Compositional,
    figures,
    find_compositional,
    read_compositional,
)
from vasari.retrieval.evaluation.embeddings import (
    EmbeddingFiles,
    Image,
    Region,
    UnreadableError,
    load_picture,
)
from vasari.retrieval.evaluation.hard_negatives import Scorer, by_encoder, by_reranker
from vasari.retrieval.evaluation.metrics import interval, macro_interval

JUDGES: dict[str, Scorer] = {
    "dual encoder": by_encoder(ColourEncoder(), EmbeddingFiles(None)),
    "reranker": by_reranker(ColourReranker()),
}


def read(path: Path, pictures: Path | None = None) -> Compositional:
    return read_compositional(path, find_compositional(path), pictures)


@pytest.mark.parametrize("judge", JUDGES.values(), ids=JUDGES)
def test_sugar_crepe_is_right_where_the_true_caption_scores_higher(judge: Scorer, tmp_path: Path) -> None:
    """By file, and the mean of the files: of the one that adds, half have the true caption wrong."""
    cited.write_sugar_crepe(tmp_path)
    dataset = read(tmp_path)
    told = figures(dataset, judge)
    assert (dataset.name, len(dataset.images), dataset.missing) == ("SugarCrepe", 4, ())
    assert {name: (task["pairs"], task["accuracy"]) for name, task in told["tasks"].items()} == {
        "add_obj": (2, 0.5),
        "swap_att": (4, 1.0),
    }
    assert told["average"] == 0.75
    alone = read(tmp_path / "data" / "swap_att.json")
    assert list(figures(alone, judge)["tasks"]) == ["swap_att"]


def test_captions_that_score_alike_are_wrong(tmp_path: Path) -> None:
    """As in the code that it was published with: a model that cannot tell gets nothing for it."""
    cited.write_sugar_crepe(tmp_path)
    told = figures(read(tmp_path), lambda texts, _: np.zeros(len(texts), np.float32))
    assert told["average"] == 0


def test_bad_entries_and_missing_pictures_leave_the_rest(tmp_path: Path) -> None:
    """Each is named; where nothing is left that is said, with where the makers have the pictures."""
    cited.write_sugar_crepe(tmp_path)
    row = {"filename": "gone.jpg", "caption": "a", "negative_caption": "b"}
    rows = {"1": row, "2": {"filename": 5, "caption": "a", "negative_caption": "b"}, "3": None, "4": {}}
    cited.write_json(tmp_path / "data" / "replace_rel.json", rows)
    dataset = read(tmp_path)
    assert [task.name for task in dataset.tasks] == ["add_obj", "swap_att"]
    assert dataset.missing == ("gone.jpg",)
    assert [line.partition(":")[0] for line in dataset.broken] == [
        f"replace_rel.json, entry {n}" for n in "234"
    ]
    with pytest.raises(
        UsageError, match=r"looked in .* for gone.jpg; .* got from http://images.cocodataset.org"
    ):
        read(tmp_path / "data" / "replace_rel.json")
    cited.write_json(tmp_path / "data" / "replace_rel.json", {"3": None})
    with pytest.raises(UsageError, match=r"nothing that can be used: replace_rel\.json, entry 3"):
        read(tmp_path / "data" / "replace_rel.json")


def test_pictures_may_lie_elsewhere(tmp_path: Path) -> None:
    """COCO's are seldom copied for each benchmark."""
    cited.write_sugar_crepe(tmp_path / "sugar")
    (tmp_path / "sugar" / "val2017").rename(tmp_path / "val2017")
    assert len(read(tmp_path / "sugar", tmp_path / "val2017").images) == 4
    assert len(read(tmp_path / "sugar", tmp_path).images) == 4


def test_the_first_pictures_alone(tmp_path: Path) -> None:
    """What is asked of others is left out; an example of Winoground needs two."""
    cited.write_sugar_crepe(tmp_path / "sugar")
    assert [len(task.pairs) for task in read(tmp_path / "sugar").first(1).tasks] == [2, 1]
    cited.write_winoground(tmp_path / "wino")
    assert len(read(tmp_path / "wino").first(5).quads) == 2
    with pytest.raises(UsageError, match="--limit 2 or more"):
        read(tmp_path / "wino").first(1)


def test_unreadable_pictures_are_left_out_with_what_is_asked_of_them(tmp_path: Path) -> None:
    """The rest is measured; where none can be read that is said."""
    cited.write_sugar_crepe(tmp_path)
    bad = tmp_path / "val2017" / "000000000000.jpg"
    bad.write_bytes(b"no picture")
    dataset = read(tmp_path)
    with pytest.raises(UnreadableError) as caught:
        figures(dataset, JUDGES["dual encoder"])
    rest = dataset.without(caught.value.files)
    assert [(task.name, len(task.pairs)) for task in rest.tasks] == [("swap_att", 3)]
    assert [line.partition(" (")[0] for line in rest.broken] == [f"{bad.name}: this is not an image"]
    with pytest.raises(UsageError, match="none of the 4 pictures can be read"):
        dataset.without(dict.fromkeys(dataset.images, "gone"))


def write_aro(root: Path) -> None:
    """A picture that is red on the left and blue on the right, asked of by its halves."""
    cited.paint(root / "images" / "1.jpg", "red", "blue")
    left, right = (0, 0, 16, 16), (16, 0, 16, 16)
    true, false = ("a red thing", "a blue thing"), ("a blue thing", "a red thing")
    cited.write_json(
        root / "visual_genome_relation.json",
        [
            cited.aro_row("1.jpg", left, *true, relation_name="on"),
            cited.aro_row("1.jpg", right, *true, relation_name="on"),
            cited.aro_row("1.jpg", right, *false, relation_name="under"),
            # Turned around as true: does not count.
            cited.aro_row("1.jpg", left, *false, relation_name="near"),
        ],
    )
    rows = [cited.aro_row("1.jpg", left, *true, attributes=["red", "tall"]) for _ in range(25)]
    rare = [cited.aro_row("1.jpg", left, *false, attributes=["old", "wet"]) for _ in range(24)]
    cited.write_json(root / "visual_genome_attribution.json", rows + rare)


@pytest.mark.parametrize("judge", JUDGES.values(), ids=JUDGES)
def test_aro_is_the_mean_over_relations_of_the_parts_of_pictures(judge: Scorer, tmp_path: Path) -> None:
    """Symmetric relations and pairs of attributes with fewer than 25 cases do not count."""
    write_aro(tmp_path)
    dataset = read(tmp_path)
    told = figures(dataset, judge)["tasks"]
    assert (dataset.name, len(dataset.images)) == ("ARO", 1)
    assert (told["VG-Relation"]["pairs"], told["VG-Relation"]["accuracy"]) == (4, (0.5 + 1) / 2)
    assert (told["VG-Attribution"]["pairs"], told["VG-Attribution"]["accuracy"]) == (49, 1)
    assert told["VG-Attribution"]["share"] == pytest.approx(25 / 49)


def test_too_few_cases_have_no_accuracy(tmp_path: Path) -> None:
    """None, not 0 or the share of all."""
    write_aro(tmp_path)
    told = figures(read(tmp_path).first(1), JUDGES["dual encoder"])
    rare = [cited.aro_row("1.jpg", (0, 0, 9, 9), "a red thing", "a blue thing", attributes=["a", "b"])]
    cited.write_json(tmp_path / "visual_genome_attribution.json", rare)
    few = figures(read(tmp_path), JUDGES["dual encoder"])
    assert few["tasks"]["VG-Attribution"]["accuracy"] is None
    assert few["average"] == told["tasks"]["VG-Relation"]["accuracy"]


def test_a_region_is_the_pixels_of_its_box(tmp_path: Path) -> None:
    """Black where it leaves the picture, as Pillow's crop has it; a box of no size is told."""
    file = cited.paint(tmp_path / "a.png", "red", "blue")
    inside = np.asarray(load_picture(Region(file, (12, 2, 8, 4))))
    assert inside.shape == (4, 8, 3)
    assert (inside[:, :4] == (220, 20, 20)).all()
    assert (inside[:, 4:] == (20, 20, 220)).all()
    assert (np.asarray(load_picture(Region(file, (30, 0, 4, 4))))[:, 2:] == 0).all()
    cited.write_json(
        tmp_path / "visual_genome_relation.json",
        [cited.aro_row("a.png", (0, 0, 0, 9), "a", "b", relation_name="on")],
    )
    with pytest.raises(UsageError, match="entry 1: its box is empty"):
        read(tmp_path)


@pytest.mark.parametrize("judge", JUDGES.values(), ids=JUDGES)
def test_winoground_needs_both_captions_and_both_pictures_right(judge: Scorer, tmp_path: Path) -> None:
    """Of three examples one is right, one has two pictures alike (text right for one of them), one is the wrong way."""
    cited.write_winoground(tmp_path)
    told = figures(read(tmp_path), judge)
    assert {name: one["score"] for name, one in told.items()} == pytest.approx(dict.fromkeys(told, 1 / 3))
    assert told["group"]["kinds"] == {"Object": 0.5, "Relation": 0.0}


def fixed(scores: NDArray[np.float32]) -> Scorer:
    """These scores, whatever is asked."""
    return lambda _texts, _images: scores


def test_winoground_scores_are_those_of_its_equations(tmp_path: Path) -> None:
    """On scores drawn with ties, against the three conditions written out."""
    cited.write_winoground(tmp_path)
    dataset = read(tmp_path)
    generator = np.random.default_rng(0)
    for _ in range(50):
        drawn = generator.integers(0, 4, 12).astype(np.float32)
        told = figures(dataset, fixed(drawn))
        tables = [
            dict(zip(("c0_i0", "c0_i1", "c1_i0", "c1_i1"), part, strict=True)) for part in drawn.reshape(3, 4)
        ]
        text = [s["c0_i0"] > s["c1_i0"] and s["c1_i1"] > s["c0_i1"] for s in tables]
        image = [s["c0_i0"] > s["c0_i1"] and s["c1_i1"] > s["c1_i0"] for s in tables]
        group = [both[0] and both[1] for both in zip(text, image, strict=True)]
        assert [told[name]["score"] for name in ("text", "image", "group")] == pytest.approx(
            [np.mean(text), np.mean(image), np.mean(group)]
        )


def test_each_picture_and_text_is_asked_once(tmp_path: Path) -> None:
    """However often it is in pairs."""
    cited.write_sugar_crepe(tmp_path)
    encoder = ColourEncoder()
    figures(read(tmp_path), by_encoder(encoder, EmbeddingFiles(None)))
    assert (sum(encoder.image_batches), sum(encoder.text_batches)) == (4, 4)


def test_the_mean_of_kinds_and_its_interval_by_pictures() -> None:
    """Of one kind it is the mean and the interval of `interval`; of more, each kind weighs the same."""
    values, images = np.array([1.0, 1, 0, 1, 0, 0] * 20), [str(number // 3) for number in range(120)]
    mean, *bounds = macro_interval(values, ["one"] * 120, images)
    assert mean == pytest.approx(values.mean())
    assert bounds == pytest.approx(interval(values, groups=[number // 3 for number in range(120)]), abs=0.02)
    kinds = ["rare" if number < 6 else "often" for number in range(120)]
    assert macro_interval(values, kinds, images)[0] == pytest.approx(
        (values[:6].mean() + values[6:].mean()) / 2
    )


def test_an_interval_draws_pictures_and_not_pairs(tmp_path: Path) -> None:
    """Twenty pairs of one picture are one observation: the interval cannot narrow."""

    def scores(texts: Sequence[str], _images: Sequence[Image]) -> NDArray[np.float32]:
        return np.array([float(text.endswith("!")) for text in texts], np.float32)

    cited.paint(tmp_path / "a.jpg", "red")
    pair = {"filename": "a.jpg", "caption": "x!", "negative_caption": "y"}
    wrong = {"filename": "a.jpg", "caption": "x", "negative_caption": "y!"}
    cited.write_json(tmp_path / "swap_obj.json", {str(n): pair if n % 2 else wrong for n in range(20)})
    (task,) = figures(read(tmp_path), scores)["tasks"].values()
    assert (task["accuracy"], task["interval"]) == (0.5, (0.5, 0.5))
