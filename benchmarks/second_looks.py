"""How many candidates does reranking compare before its deadline, and is it ever late?

    python -m benchmarks.second_looks [--pictures 40] [--searches 12] [--deadline 800] [--quick]

BLIP ITM base at its real size, with random weights in the hub's layout, reranks a small library under a deadline:
`cold` while the model is not loaded, `warm` with no features kept, and `kept` after `vasari index --rerank`. Each
precision is a process of its own. Speeds do not depend on what the weights are; times do on what else the machine
does, so `plain_over_absorbed` gives a pair's processor time as transformers computes it over the product's, in one
run. Prints a table and ends with one line of JSON. `--quick` takes a tiny model.
"""

from __future__ import annotations

import argparse
import json
import statistics
import sys
import time
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np

from benchmarks.measuring import finish, run
from benchmarks.memory import generate

VASARI = Path(sys.executable).with_name("vasari")
_TOP = 32
_WORDS = ("red", "boat", "dog", "beach", "snow", "two", "people", "night", "tree", "house", "green", "car")
_TINY = {"hidden_size": 48, "intermediate_size": 96, "num_hidden_layers": 2, "num_attention_heads": 2}
_BASE = {"hidden_size": 768, "intermediate_size": 3072, "num_hidden_layers": 12, "num_attention_heads": 12}


def write_reranker(folder: Path, *, tiny: bool) -> None:
    """BLIP ITM base as Salesforce/blip-itm-base-coco has it, with random weights."""
    import torch
    from transformers import BlipConfig, BlipForImageTextRetrieval, BlipImageProcessor

    from benchmarks.random_tokenizer import write_tokenizer

    part, words, side = (_TINY, 4000, 64) if tiny else (_BASE, 30524, 384)
    marks = {"pad_token_id": 0, "sep_token_id": 1, "eos_token_id": 1, "bos_token_id": 2}
    config = BlipConfig(
        text_config=part | marks | {"vocab_size": words, "encoder_hidden_size": part["hidden_size"]},
        vision_config=part | {"image_size": side, "patch_size": 16, "initializer_range": 0.02},
    )
    torch.manual_seed(0)
    BlipForImageTextRetrieval(config).save_pretrained(folder)
    write_tokenizer(folder, words)
    BlipImageProcessor(size={"height": side, "width": side}).save_pretrained(folder)


def measure(library: Path, searches: int, deadline: float) -> dict[str, Any]:
    """All figures of one precision, which the environment says, in this process."""
    from vasari.indexer.second_looks import keep_second_looks
    from vasari.retrieval.library.library import Library

    figures: dict[str, Any] = {}
    with Library.open(library) as opened:
        figures["cold"] = [_search(opened, "red boat in the snow", deadline)]
        opened.rerank_stage()  # wait until it is loaded
        figures["warm"] = [_search(opened, _query(number), deadline) for number in range(searches)]
        figures["image_seconds"] = opened.rerank_stage().pace.image
        figures |= _costs(opened)
    with Library.open(library) as opened:
        kept = keep_second_looks(opened)
        figures["kept_bytes_a_picture"] = round(kept.bytes / (kept.encoded + kept.unchanged))
        figures["cold"].append(_search(opened, "a dog at night", deadline))
        opened.rerank_stage().measure(_picture())
        figures["kept"] = [_search(opened, _query(number), deadline) for number in range(searches)]
    return figures


def _query(number: int) -> str:
    """Eight words."""
    rng = np.random.default_rng(number)
    return "a " + " ".join(rng.choice(_WORDS, 7, replace=False).tolist())


def _search(library: Any, query: str, deadline: float) -> tuple[int, float]:
    """How many candidates were compared, and the milliseconds that reranking took."""
    from vasari.retrieval.domain import Rerank, SearchRequest, Term, TermKind

    request = SearchRequest(
        terms=(Term(TermKind.TEXT, text=query),),
        limit=_TOP,
        rerank=Rerank(_TOP, deadline),
        hybrid=False,
        explain=True,
    )
    found = library.search(request)
    return sum(hit.reranked for hit in found.hits), found.explain.stages_ms["rerank"]


def _picture() -> Any:
    from vasari.retrieval.images.samples import sample_pictures

    return sample_pictures()[0]


def _costs(library: Any) -> dict[str, float]:
    """Processor seconds of an image and of a pair, and of a pair as transformers computes it, over that."""
    reranker = library.rerank_stage().reranker
    pixels = [reranker.prepare(_picture())] * 2
    features = reranker.encode_images(pixels)[:1] * 8

    def seconds(work: Any) -> float:
        work()
        began = time.process_time()
        work()
        return time.process_time() - began

    image = seconds(lambda: reranker.encode_images(pixels)) / len(pixels)
    pair = seconds(lambda: reranker.score([_query(0)], features)) / len(features)
    reranker.model.text_encoder.train()  # nothing is dropped; attention is as transformers wrote it
    plain = seconds(lambda: reranker.score([_query(0)], features)) / len(features)
    reranker.model.text_encoder.eval()
    return {"image_cpu_seconds": image, "pair_cpu_seconds": pair, "plain_over_absorbed": plain / pair}


def summary(measured: dict[str, Any], deadline: float) -> dict[str, Any]:
    """Each situation in three numbers: candidates compared (median and least), and how late it was at most."""
    told = {}
    for name in ("cold", "warm", "kept"):
        compared, took = zip(*measured[name], strict=True)
        told[name] = {
            "compared": statistics.median(compared),
            "least_compared": min(compared),
            "latest_over_deadline": round(max(took) / deadline, 3),
        }
    costs = ("image_cpu_seconds", "pair_cpu_seconds", "plain_over_absorbed")
    return {
        **told,
        **{name: round(measured[name], 4) for name in costs},
        "kept_bytes_a_picture": measured["kept_bytes_a_picture"],
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--pictures", type=int, default=40)
    parser.add_argument("--searches", type=int, default=12)
    parser.add_argument("--deadline", type=float, default=800)
    parser.add_argument("--quick", action="store_true", help="a tiny model")
    parser.add_argument("--measure", type=Path, help=argparse.SUPPRESS)  # a process of its own: the library
    options = parser.parse_args()
    if options.measure:
        print(json.dumps(measure(options.measure, options.searches, options.deadline)))
        return
    with TemporaryDirectory() as name:
        folder = Path(name)
        write_reranker(folder / "reranker", tiny=options.quick)
        generate(folder / "photos", options.pictures)
        run([VASARI, "index", folder / "photos", "--model", "scenes", "--library", folder / "library"])
        found: dict[str, Any] = {}
        print(f"{'':10}{'':6}{'compared':>10}{'least':>7}{'latest / deadline':>19}")
        for precision in ("float32", "bfloat16", "int8"):
            done = run(
                [
                    *(sys.executable, "-m", "benchmarks.second_looks", "--measure", folder / "library"),
                    *("--searches", str(options.searches), "--deadline", str(options.deadline)),
                ],
                environment={
                    "VASARI_RERANKER": str(folder / "reranker"),
                    "VASARI_RERANKER_PRECISION": precision,
                    "VASARI_DEVICE": "cpu",
                },
            )
            told = summary(json.loads(done.output.splitlines()[-1]), options.deadline)
            found[precision] = told | {"peak_mib": round(done.peak_mib)}
            for situation in ("cold", "warm", "kept"):
                one = told[situation]
                print(
                    f"{precision:10}{situation:6}{one['compared']:10g}{one['least_compared']:7}"
                    f"{one['latest_over_deadline']:19}"
                )
    finish("second_looks", deadline_ms=options.deadline, tiny=options.quick, **found)


if __name__ == "__main__":
    main()
