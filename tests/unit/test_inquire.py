"""INQUIRE: its tables and its figures, with trec_eval as the oracle."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import pytrec_eval

from tests import cited
from tests.service.colours import ColourEncoder, ColourReranker
from vasari.retrieval.errors import NotFoundError, UsageError
from vasari.retrieval.evaluation.embeddings import EmbeddingFiles, UnreadableError
from vasari.retrieval.evaluation.inquire import (
    Inquire,
    find_inquire,
    inquire_figures,
    query_values,
    read_inquire,
)
from vasari.retrieval.evaluation.report import Reranking


def read(
    path: Path, split: str | None = None, pictures: Path | None = None, limit: int | None = None
) -> Inquire:
    annotations = find_inquire(path)
    assert annotations is not None
    return read_inquire(path, annotations, split=split, pictures=pictures, limit=limit)


@pytest.mark.parametrize("seed", range(8))
def test_figures_are_those_of_trec_eval(seed: int) -> None:
    """AP is trec_eval's map_cut, over the right pictures that could be among the first 50 and not over all."""
    generator = np.random.default_rng(seed)
    count = int(generator.integers(1, 90))
    right = sorted(generator.choice(200, count, replace=False).tolist())
    order = generator.permutation(200).tolist()
    evaluator = pytrec_eval.RelevanceEvaluator(
        {"q": {str(place): 1 for place in right}},
        {"map_cut.50", "ndcg_cut.50", "recip_rank", "P.50", "recall.50"},
    )
    run = {str(place): float(200 - rank) for rank, place in enumerate(order[:50])}
    expected = evaluator.evaluate({"q": run})["q"]
    told = query_values(order[:50], right)
    assert told["mAP@50"] == pytest.approx(expected["map_cut_50"] * count / min(count, 50))
    assert told["nDCG@50"] == pytest.approx(expected["ndcg_cut_50"])
    assert told["MRR@50"] == pytest.approx(expected["recip_rank"])
    assert told["precision@50"] == pytest.approx(expected["P_50"])
    assert told["recall@50"] == pytest.approx(expected["recall_50"])


def test_all_first_fifty_right_is_one_however_many_there_are() -> None:
    """What trec_eval's would call 50 of 90."""
    assert query_values(range(50), range(90))["mAP@50"] == pytest.approx(1)


def test_the_gallery_is_all_pictures_and_right_ones_are_found_by_their_paths(tmp_path: Path) -> None:
    """By the root of the repository, its data or the folder of tables; what is missing is named."""
    cited.write_inquire(tmp_path)
    data = tmp_path / "data"
    for path in (tmp_path, data, data / "inquire", data / "inquire" / "inquire_annotations.csv"):
        dataset = read(path)
        assert [file.stem for file in dataset.gallery] == ["blue", "red", "green", "orange", "black"]
        assert [(query.text, query.right) for query in dataset.queries] == [
            ("a red bird", (1, 3)),
            ("a blue, blue bird", (0,)),
        ]
        assert (dataset.missing, dataset.broken) == (("0009/gone.jpg",), ())
    assert [query.text for query in read(tmp_path, split="val").queries] == ["a green bird"]
    with pytest.raises(NotFoundError, match=r"no inquire_queries_train\.csv"):
        read(tmp_path, split="train")


def test_pictures_may_lie_elsewhere(tmp_path: Path) -> None:
    """The folder of iNat24, or that of its split; where none is right that is said."""
    cited.write_inquire(tmp_path / "repository")
    (tmp_path / "repository" / "data" / "inat24").rename(tmp_path / "nature")
    with pytest.raises(
        UsageError, match=r"none of the 4 right pictures of inquire_queries_test\.csv is on disk"
    ):
        read(tmp_path / "repository")
    for pictures in (tmp_path / "nature", tmp_path / "nature" / "train"):
        assert len(read(tmp_path / "repository", pictures=pictures).gallery) == 5
    (tmp_path / "nature" / "train").rename(tmp_path / "nature" / "train_rerank")
    assert len(read(tmp_path / "repository", pictures=tmp_path / "nature").queries) == 2
    with pytest.raises(NotFoundError, match="no folder of pictures"):
        read(tmp_path / "repository", pictures=tmp_path / "nowhere")


def test_a_model_of_colours_finds_the_colours(tmp_path: Path) -> None:
    """Of two right pictures of a query, red is first and orange second; a reranker orders its candidates anew."""
    cited.write_inquire(tmp_path)
    told = inquire_figures(
        read(tmp_path), ColourEncoder(), EmbeddingFiles(None), Reranking(ColourReranker(), top=2, weight=1)
    )
    dual = told["dual_encoder"]
    assert (dual["queries"], dual["mAP@50"], dual["nDCG@50"], dual["MRR@50"]) == pytest.approx((2, 1, 1, 1))
    assert dual["kinds"]["Appearance"]["queries"] == 1
    assert told["reranked"]["mAP@50"] == pytest.approx(1)
    assert dual["intervals"]["mAP@50"] == pytest.approx((1, 1))


def test_unreadable_pictures_and_bad_rows_leave_the_rest(tmp_path: Path) -> None:
    """A query whose last right picture cannot be read is not asked."""
    cited.write_inquire(tmp_path)
    with (tmp_path / "data" / "inquire" / "inquire_annotations.csv").open("a") as file:
        file.write("1,2\n")
    (tmp_path / "data" / "inat24" / "train" / "0001" / "blue.jpg").write_bytes(b"no picture")
    dataset = read(tmp_path)
    assert dataset.broken == ("inquire_annotations.csv, line 7: 2 fields instead of 3",)
    with pytest.raises(UnreadableError) as caught:
        inquire_figures(dataset, ColourEncoder(), EmbeddingFiles(None))
    rest = dataset.without(caught.value.files)
    assert [(query.text, [rest.gallery[place].stem for place in query.right]) for query in rest.queries] == [
        ("a red bird", ["red", "orange"])
    ]
    with pytest.raises(UsageError, match="no right picture of any query can be read"):
        dataset.without(dict.fromkeys(dataset.gallery, "gone"))


def test_the_first_pictures_alone(tmp_path: Path) -> None:
    """In the order of their paths."""
    cited.write_inquire(tmp_path)
    assert [file.stem for file in read(tmp_path, limit=2).gallery] == ["blue", "red"]
