"""Graded figures and TREC files, with trec_eval as the oracle."""

from __future__ import annotations

import random
from pathlib import Path

import pytest
import pytrec_eval
from hypothesis import given
from hypothesis import strategies as st

from vasari.retrieval.errors import NotFoundError, UsageError
from vasari.retrieval.evaluation import trec
from vasari.retrieval.evaluation.graded import GradedRanking, average_precision, figures, ndcg, recall

ORACLE = {
    "nDCG@10": "ndcg_cut_10",
    "nDCG": "ndcg",
    "mAP": "map",
    "R-precision": "Rprec",
    "recall@10": "recall_10",
    "precision@10": "P_10",
    "success@1": "success_1",
}


def drawn(seed: int) -> tuple[trec.Qrels, dict[str, dict[str, float]]]:
    """Judgments and a run with many ties: some queries find nothing right, some too little, some have no right item."""
    generator = random.Random(seed)
    names = [f"d{number}" for number in range(40)]
    qrels, run = {}, {}
    for query in ("q1", "q2", "q3"):
        judged = generator.sample(names, generator.randint(1, 30))
        qrels[query] = {name: generator.choice((0, 0, 1, 1, 2, 3)) for name in judged}
        found = generator.sample(names, generator.randint(1, 40))
        run[query] = {name: generator.randint(0, 6) / 8 for name in found}
    return qrels, run


def written(path: Path, lines: object) -> Path:
    path.write_text("".join(lines), "utf-8")  # type: ignore[arg-type]
    return path


def test_figures_of_200_runs_with_ties_are_those_of_trec_eval(tmp_path: Path) -> None:
    """nDCG, mAP, R-precision, recall, precision and success of each query, as the files are read back."""
    compared = 0
    for seed in range(200):
        qrels, scores = drawn(seed)
        lines = (f"{q} Q0 {d} 0 {score} x\n" for q, of in scores.items() for d, score in of.items())
        run = trec.read_run(written(tmp_path / "run", lines))
        judged = trec.read_qrels(written(tmp_path / "qrels", trec.qrels_lines(qrels)))
        assert judged == qrels
        evaluator = pytrec_eval.RelevanceEvaluator(
            qrels, {"ndcg", "map", "Rprec", "ndcg_cut.10", "recall.10", "P.10", "success.1"}
        )
        for query, expected in evaluator.evaluate(scores).items():
            found = figures(GradedRanking.of(run[query], judged[query]))
            for ours, theirs in ORACLE.items():
                assert found[ours] == pytest.approx(expected[theirs], abs=1e-9), (seed, query, ours)
                compared += 1
    assert compared == 200 * 3 * len(ORACLE)


def test_map_at_r_is_trec_evals_map_cut_at_the_number_of_right_items() -> None:
    """mAP@R has no name there, but is `map_cut` at another depth for each query."""
    for seed in range(200):
        qrels, scores = drawn(seed)
        for query, grades in qrels.items():
            right = sum(grade > 0 for grade in grades.values())
            if not right:
                continue
            evaluator = pytrec_eval.RelevanceEvaluator({query: grades}, {f"map_cut.{right}"})
            expected = evaluator.evaluate({query: scores[query]})[query][f"map_cut_{right}"]
            found = figures(GradedRanking.of(trec.ranked(scores[query]), grades))
            assert found["mAP@R"] == pytest.approx(expected, abs=1e-9), (seed, query)


def test_figures_worked_out_by_hand() -> None:
    """Grades 3, 0 and 1 at ranks 1 to 3, one more right item that was not found, one found that nobody judged."""
    ranking = GradedRanking.of(["a", "b", "c", "x"], {"a": 3, "b": 0, "c": 1, "d": 1})
    assert ranking.right == 3
    assert average_precision(ranking) == pytest.approx((1 + 2 / 3) / 3)
    assert ndcg(ranking) == pytest.approx((3 + 1 / 2) / (3 + 0.6309297535714575 + 1 / 2))
    assert recall(ranking, 1) == pytest.approx(1 / 3)
    found = figures(ranking)
    assert found["R-precision"] == pytest.approx(2 / 3)
    assert found["mAP@R"] == pytest.approx((1 + 2 / 3) / 3)
    assert found["judged@10"] == 0.75


def test_a_query_that_found_nothing_or_has_nothing_right_scores_zero() -> None:
    """And nothing is divided by zero."""
    assert set(figures(GradedRanking.of([], {"a": 1})).values()) == {0.0}
    assert sum(figures(GradedRanking.of(["a"], {"a": 0})).values()) == 1.0  # judged@10 alone
    assert set(figures(GradedRanking.of(["a"], {})).values()) == {0.0}


@given(st.lists(st.floats(-1, 1, width=32), max_size=30))
def test_a_run_keeps_its_order_through_a_file(scores: list[float]) -> None:
    """Whatever the scores of a ranking are, equal or rising, programs that sort by them read the order it had."""
    found = [(f"d{place}", score) for place, score in enumerate(scores)]
    lines = trec.run_lines({"q": found}, "vasari")
    read = {line.split()[2]: float(line.split()[4]) for line in lines}
    assert trec.ranked(read) == [item for item, _ in found]


@pytest.mark.parametrize(
    "text",
    [
        "7\ta red boat\n9\tдва кота\n",
        "\ufeff7\ta red boat\r\n\r\n9\tдва  кота\r\n",
        "<top>\n<num> Number: 7\n<title> a red\nboat\n<desc> x\n</top>\n"
        "<top>\n<num>9</num>\n<title>два кота</title></top>\n",
        '<?xml version="1.0"?><topics><topic number="7" type="x"><query>a red boat</query></topic>'
        '<topic number="9"><title>два кота</title></topic></topics>',
    ],
)
def test_topics_are_read_in_each_of_their_forms(tmp_path: Path, text: str) -> None:
    """Tabs, TREC's tags and XML; Windows' line ends and marks."""
    assert trec.read_topics(written(tmp_path / "t", [text])) == {
        "7": trec.Topic("a red boat"),
        "9": trec.Topic("два кота"),
    }


def test_topics_come_back_from_a_file(tmp_path: Path) -> None:
    """What would break a line is a space there."""
    topics = {"1": trec.Topic("a\tb\nc"), "2": trec.Topic("d", "tag:sea")}
    file = written(tmp_path / "t", trec.topic_lines(topics))
    assert trec.read_topics(file) == {"1": trec.Topic("a b c"), "2": trec.Topic("d", "tag:sea")}


@pytest.mark.parametrize(
    ("reader", "text", "complaint"),
    [
        (trec.read_topics, "", "no topics"),
        (trec.read_topics, "7 a red boat\n", "line 1: needs a topic"),
        (trec.read_topics, "7\ta\n7\tb\n", "topic 7 twice"),
        (trec.read_topics, "<top><num> Number: 7</top>", "no <title>"),
        (trec.read_qrels, "7 0 a 1\n7 0 a\n", "line 2: needs 4 columns"),
        (trec.read_qrels, "7 0 a one\n", "'one' is no whole number"),
        (trec.read_run, "7 Q0 a 1 x vasari\n", "'x' is no number"),
        (trec.read_run, "7 Q0 a 1 nan vasari\n", "'nan' is no number"),
        (trec.read_run, "7 Q0 a 1 2 v\n7 Q0 a 2 1 v\n", "line 2: topic 7 has a twice"),
    ],
)
def test_a_file_that_cannot_be_read_says_where(
    tmp_path: Path, reader: object, text: str, complaint: str
) -> None:
    """With the line, and what is expected there."""
    assert callable(reader)
    with pytest.raises(UsageError, match=complaint):
        reader(written(tmp_path / "f", [text]))


def test_a_file_that_is_not_there_is_not_found(tmp_path: Path) -> None:
    """One line, with its name."""
    with pytest.raises(NotFoundError, match="no such file"):
        trec.read_run(tmp_path / "run")
