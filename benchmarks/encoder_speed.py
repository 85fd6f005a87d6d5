"""How many times as fast as ViT-B-32-256 does the built-in `starter` encode pictures?

    python -m benchmarks.encoder_speed [--model starter] [--beside ViT-B-32-256] [--precision bfloat16]

Each model indexes some generated pictures by the command in this precision, then encodes batches as jobs do: both in
turn, in one process, after a batch that warms up. `--beside` is an architecture of open_clip with random weights, on
which speed does not depend. The ratio is that of processor time a picture, the median of the rounds; that by the clock
is told beside it. The last line is JSON.
"""

from __future__ import annotations

import argparse
import sys
from contextlib import ExitStack
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory
from time import perf_counter, process_time

import numpy as np

from benchmarks.cache import random_model
from benchmarks.measuring import finish, run
from benchmarks.memory import generate
from vasari.indexer.batch_size import ON_CPU
from vasari.retrieval.library.library import Library
from vasari.retrieval.models.exported.image import OptimizedEncoder

_VASARI = Path(sys.executable).with_name("vasari")


def round_of(encoder: OptimizedEncoder) -> tuple[float, float]:
    """Milliseconds a picture of the processor and of the clock, over one batch."""
    shape = (ON_CPU, encoder.image_size, encoder.image_size, 3)
    batch = np.random.default_rng(0).integers(0, 256, shape, dtype=np.uint8)
    processor, clock = process_time(), perf_counter()
    encoder.embed_images(batch)
    return 1e3 * (process_time() - processor) / ON_CPU, 1e3 * (perf_counter() - clock) / ON_CPU


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--model", default="starter")
    parser.add_argument("--beside", default="ViT-B-32-256")
    parser.add_argument("--precision", default="float32", choices=("float32", "bfloat16", "int8"))
    parser.add_argument("--rounds", type=int, default=7)
    options = parser.parse_args()
    models = {options.model: options.model, options.beside: random_model(options.beside)}
    with TemporaryDirectory() as name, ExitStack() as opened:
        folder = Path(name)
        generate(folder / "photos", 40)
        encoders: dict[str, OptimizedEncoder] = {}
        for number, (model, reference) in enumerate(models.items()):
            library = folder / str(number)
            command = [_VASARI, "index", folder / "photos", "--model", reference, "--library", library]
            run([*command, "--precision", options.precision])
            encoder = opened.enter_context(Library.open(library)).encoder()
            assert isinstance(encoder, OptimizedEncoder)
            encoders[model] = encoder
            round_of(encoder)
        rounds = [{model: round_of(each) for model, each in encoders.items()} for _ in range(options.rounds)]
    ratios = [[each[options.beside][of] / each[options.model][of] for each in rounds] for of in (0, 1)]
    rows = {
        model: {
            "precision": encoder.precision,
            "processor_ms": round(median(each[model][0] for each in rounds), 2),
            "clock_ms": round(median(each[model][1] for each in rounds), 2),
        }
        for model, encoder in encoders.items()
    }
    for model, row in rows.items():
        print(f"{model:14} {row['precision']:9} {row['processor_ms']:7.2f} ms of the processor a picture")
    print(f"{median(ratios[0]):.2f} times as fast ({min(ratios[0]):.2f} to {max(ratios[0]):.2f})")
    finish(
        "encoder_speed",
        models=rows,
        times_as_fast=round(median(ratios[0]), 2),
        least=round(min(ratios[0]), 2),
        most=round(max(ratios[0]), 2),
        by_the_clock=round(median(ratios[1]), 2),
    )


if __name__ == "__main__":
    main()
