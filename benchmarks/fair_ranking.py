"""Does fair ranking find more? On simulated hubs beside the reference package, and on captioned photos.

    python -m benchmarks.fair_ranking [FOLDER] [--model starter] [--language en]

Without FOLDER pictures and texts are simulated. A text is a point around the middle of all texts; its picture is the
same point with noise, and as many times its own hub strength towards that middle: strengths are drawn from an
exponential distribution, so that most pictures are hardly hubs and few are strong ones. The bank are other texts. Both
corrections are computed here and by `nnn-retrieval`, by the authors of nearest neighbour normalization (install it by
`pip install nnn-retrieval`): R@1 as it is and by each, and the largest difference of the scores (of distribution
normalization: of what each score is beyond the first of its query, for there a whole query may be shifted).

FOLDER holds captions.txt and Images/ (the form of Flickr8k; see `captioned_photos`). Each candidate of `vasari tune
ranking` is measured on its captions and on the words of typed_words.txt in six languages, with 95 % intervals of the
paired difference of nDCG@10: captions of one picture, and a word in all languages, are drawn together. The bank are the
everyday phrases of the languages. The last line is JSON.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from benchmarks.captioned_photos import read_captions, right_pictures
from benchmarks.measuring import finish
from vasari.retrieval.domain import Modality, UnitVectors, unit_vectors
from vasari.retrieval.evaluation.fair_ranking import CANDIDATES, Candidate
from vasari.retrieval.evaluation.metrics import Ranking, interval, ndcg, precision, rank_queries
from vasari.retrieval.evaluation.text_banks import everyday_phrases
from vasari.retrieval.library.known_answers import embedded
from vasari.retrieval.library.library import Library
from vasari.retrieval.search.fairness import hub_skewness, normalized, shifted
from vasari.retrieval.vectors.hubs import NEIGHBOURS, hubness

_PICTURES, _BANK, _DIM = 2000, 4000, 128


def simulated(seed: int = 0) -> tuple[UnitVectors, UnitVectors, UnitVectors]:
    """Texts (n, dim), their pictures (n, dim), and a bank of other texts (m, dim)."""
    random = np.random.default_rng(seed)
    middle = unit_vectors(random.normal(size=(1, _DIM)))[0]
    contents = unit_vectors(random.normal(size=(_PICTURES + _BANK, _DIM)))
    texts = unit_vectors(0.6 * middle + contents)
    noise = unit_vectors(random.normal(size=(_PICTURES, _DIM)))
    strength = random.exponential(0.4, size=(_PICTURES, 1))
    pictures = unit_vectors(contents[:_PICTURES] + 1.6 * noise + strength * middle)
    return UnitVectors(texts[:_PICTURES]), pictures, UnitVectors(texts[_PICTURES:])


def beside_the_reference(texts: UnitVectors, pictures: UnitVectors, bank: UnitVectors) -> dict[str, Any]:
    """R@1 by our formulas and by the package, and how far the scores are apart."""
    from nnn import BaseRetriever, DNRanker, NNNRanker, NNNRetriever

    dim, alpha = texts.shape[1], 0.5
    plain = texts @ pictures.T
    ours = {
        "nnn": normalized(plain, hubness(pictures, bank), alpha),
        "dn": np.asarray(shifted(texts, bank) @ pictures.T, np.float32),
    }
    theirs = {
        "nnn": NNNRanker(NNNRetriever(dim), pictures, bank, NEIGHBOURS, alternate_weight=alpha),
        "dn": DNRanker(
            BaseRetriever(dim), pictures, bank, retrieval_dev_embeds=pictures, query_dev_embeds=bank
        ),
    }
    found: dict[str, Any] = {"R@1": _first(plain), "skewness": hub_skewness(plain)}
    for name, scores in ours.items():
        values, order = theirs[name].search(texts, len(pictures))
        reference = np.empty_like(scores)
        np.put_along_axis(reference, order, values, axis=1)
        apart = scores - reference
        if name == "dn":
            apart = apart - apart[:, :1]
        found[name] = {
            "R@1": _first(scores),
            "reference_R@1": _first(reference),
            "scores_apart": float(np.abs(apart).max()),
            "skewness": hub_skewness(scores),
        }
    return found


def _first(scores: NDArray[np.float32]) -> float:
    ranking = rank_queries(scores, [[place] for place in range(len(scores))])
    return float((ranking.ranks == 1).mean())


def on_photos(folder: Path, model: str, languages: list[str]) -> dict[str, Any]:
    """Every candidate on captions and typed words, by vectors that the product made."""
    with tempfile.TemporaryDirectory() as scratch:
        command = [
            sys.executable,
            "-m",
            "vasari.api.cli",
            "index",
            str(folder / "Images"),
            "--source",
            "folder",
        ]
        subprocess.run([*command, "--library", scratch, "--model", model], check=True)
        with Library.open(scratch) as library:
            space = library.space()
            gallery = library.gallery(Modality.IMAGE, space)
            ids = gallery.ids().tolist()
            pictures, items = gallery.vectors_of(ids), library.items(ids)
            place = {Path(items[item].uri).name: number for number, item in enumerate(ids)}
            captions = {
                name: said for name, said in read_captions(folder / "captions.txt").items() if name in place
            }
            words = right_pictures(captions)
            texts = [text for said in captions.values() for text in said]
            owners = [place[name] for name, said in captions.items() for _ in said]
            typed = [(word, right) for all_words, right in words for word in all_words]
            vectors = {
                "captions": embedded(library, space, texts),
                "words": embedded(library, space, [word for word, _ in typed]),
            }
            bank = embedded(library, space, everyday_phrases(languages))
    answers = {
        "captions": [[owner] for owner in owners],
        "words": [sorted(place[name] for name in right) for _, right in typed],
    }
    spoken = len(words[0][0])
    groups = {"captions": owners, "words": [number // spoken for number in range(len(typed))]}
    rankings = {
        kind: [rank_queries(scores, answers[kind]) for scores in all_scores(vectors[kind], pictures, bank)]
        for kind in vectors
    }
    skewness = [hub_skewness(scores) for scores in all_scores(vectors["captions"], pictures, bank)]
    return {
        str(candidate or "cosine"): {
            "skewness": skewness[row],
            **{kind: _figures(of[row], of[0], groups[kind]) for kind, of in rankings.items()},
        }
        for row, candidate in enumerate((None, *CANDIDATES))
    }


def all_scores(queries: UnitVectors, pictures: UnitVectors, bank: UnitVectors) -> list[NDArray[np.float32]]:
    """Scores (queries, pictures) by cosine, and by each candidate."""
    cosines, hubs = queries @ pictures.T, hubness(pictures, bank)

    def scores(candidate: Candidate) -> NDArray[np.float32]:
        if candidate.method == "dn":
            return np.asarray(shifted(queries, bank, candidate.weight) @ pictures.T, np.float32)
        gate = np.quantile(hubs, 1 - candidate.hubs)
        return normalized(cosines, np.maximum(hubs - np.float32(gate), 0), candidate.weight)

    return [cosines, *map(scores, CANDIDATES)]


def _figures(ranking: Ranking, plain: Ranking, groups: list[int]) -> dict[str, Any]:
    difference = ndcg(ranking) - ndcg(plain)
    return {
        "R@1": float((ranking.ranks == 1).mean()),
        "P@10": float(precision(ranking).mean()),
        "nDCG@10": float(ndcg(ranking).mean()),
        "difference": float(difference.mean()),
        "interval": interval(difference, groups=groups),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("folder", type=Path, nargs="?")
    parser.add_argument("--model", default="starter")
    parser.add_argument("--language", action="append", help="of the bank's phrases [default: en]")
    options = parser.parse_args()
    if options.folder is None:
        found = beside_the_reference(*simulated())
        for name, value in found.items():
            print(f"{name:10} {value}")
        finish("fair_ranking", pictures=_PICTURES, bank=_BANK, **found)
        return
    languages = options.language or ["en"]
    rows = on_photos(options.folder, options.model, languages)
    print(f"{'':36} {'captions: R@1':>14} {'nDCG@10':>26}   {'words: P@10':>12} {'nDCG@10':>26} {'skew':>6}")
    for name, row in rows.items():
        cells = []
        for kind, figure in (("captions", "R@1"), ("words", "P@10")):
            low, high = row[kind]["interval"]
            cells.append(
                f"{row[kind][figure]:14.3f} {row[kind]['difference']:+.4f} ({low:+.4f} to {high:+.4f})"
            )
        print(f"{name:36} {cells[0]}   {cells[1]} {row['skewness']:6.2f}")
    finish("fair_ranking", model=options.model, languages=languages, rows=rows)


if __name__ == "__main__":
    main()
