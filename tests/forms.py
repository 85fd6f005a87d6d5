"""One small collection written in every form that a source reads."""

from __future__ import annotations

import csv
import io
import json
import tarfile
import zipfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.grey import write_picture


@dataclass(frozen=True)
class Sample:
    """A picture with what is said about it."""

    name: str
    data: bytes
    caption: str
    year: int


def write_folder(folder: Path, count: int) -> list[Sample]:
    """Pictures as files, and the samples they make."""
    samples = []
    for number in range(count):
        path = folder / f"{number:05}.png"
        write_picture(path, number)
        samples.append(Sample(path.name, path.read_bytes(), f"boat number {number}", 1900 + number))
    return samples


def write_pairs(folder: Path, samples: list[Sample]) -> Path:
    """A text and a .json beside each picture."""
    folder.mkdir(parents=True)
    for sample in samples:
        stem = sample.name.removesuffix(".png")
        (folder / sample.name).write_bytes(sample.data)
        (folder / f"{stem}.txt").write_text(sample.caption)
        (folder / f"{stem}.json").write_text(json.dumps({"year": sample.year}))
    return folder


def write_shard(path: Path, samples: list[Sample]) -> Path:
    """A .tar as img2dataset writes it: picture, .json and .txt of each sample after another."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with tarfile.open(path, "w") as tar:
        for sample in samples:
            stem = sample.name.removesuffix(".png")
            facts = {"caption": sample.caption, "year": sample.year, "key": stem, "status": "success"}
            _add(tar, sample.name, sample.data)
            _add(tar, f"{stem}.json", json.dumps(facts).encode())
            _add(tar, f"{stem}.txt", sample.caption.encode())
    return path


def write_zip(path: Path, samples: list[Sample]) -> Path:
    """Pictures and texts in two folders of an archive."""
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for number, sample in enumerate(samples):
            folder = "odd" if number % 2 else "even"
            stem = sample.name.removesuffix(".png")
            archive.writestr(f"{folder}/{sample.name}", sample.data)
            archive.writestr(f"{folder}/{stem}.txt", sample.caption)
            archive.writestr(f"{folder}/{stem}.json", json.dumps({"year": sample.year}))
    return path


def write_csv(path: Path, images: list[str], samples: list[Sample]) -> Path:
    """A table of paths or URLs."""
    with path.open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["image", "caption", "year"])
        writer.writerows(zip(images, [s.caption for s in samples], [s.year for s in samples], strict=True))
    return path


def write_jsonl(path: Path, images: list[str], samples: list[Sample]) -> Path:
    """The same, an object a line."""
    rows = [
        json.dumps({"url": image, "captions": [sample.caption], "year": sample.year})
        for image, sample in zip(images, samples, strict=True)
    ]
    path.write_text("\n".join(rows) + "\n")
    return path


def write_parquet(path: Path, images: list[Any], samples: list[Sample], **options: Any) -> Path:
    """A table of paths, or of the pictures themselves."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    columns = {"image": images, "caption": [s.caption for s in samples], "year": [s.year for s in samples]}
    pq.write_table(pa.table(columns), path, **options)
    return path


def write_coco(folder: Path, samples: list[Sample]) -> Path:
    """`annotations/captions_val2017.json` beside `val2017/`."""
    (folder / "annotations").mkdir(parents=True)
    (folder / "val2017").mkdir()
    for sample in samples:
        (folder / "val2017" / sample.name).write_bytes(sample.data)
    numbered = list(enumerate(samples))
    content = {
        "images": [{"id": 100 + n, "file_name": s.name, "license": 1} for n, s in numbered],
        "annotations": [{"image_id": 100 + n, "id": n, "caption": s.caption} for n, s in numbered],
    }
    (folder / "annotations" / "captions_val2017.json").write_text(json.dumps(content))
    return folder


def write_saved_dataset(folder: Path, samples: list[Sample], parts: int = 2) -> Path:
    """What `datasets` writes by `save_to_disk`: Arrow streams with the pictures in a struct, and two JSON files."""
    import pyarrow as pa

    folder.mkdir(parents=True)
    features = {
        "image": {"_type": "Image"},
        "caption": {"dtype": "string", "_type": "Value"},
        "parity": {"names": ["even", "odd"], "_type": "ClassLabel"},
        "year": {"dtype": "int64", "_type": "Value"},
    }
    kind = pa.struct([("bytes", pa.binary()), ("path", pa.string())])
    names = [f"data-{part:05}-of-{parts:05}.arrow" for part in range(parts)]
    for part, name in enumerate(names):
        mine = samples[part * len(samples) // parts : (part + 1) * len(samples) // parts]
        pictures = [{"bytes": sample.data, "path": sample.name} for sample in mine]
        table = pa.table(
            {
                "image": pa.array(pictures, kind),
                "caption": [sample.caption for sample in mine],
                "parity": pa.array([sample.year % 2 for sample in mine], pa.int64()),
                "year": [sample.year for sample in mine],
            }
        ).replace_schema_metadata({"huggingface": json.dumps({"info": {"features": features}})})
        with pa.OSFile(str(folder / name), "wb") as file, pa.ipc.new_stream(file, table.schema) as stream:
            stream.write_table(table, max_chunksize=7)
    (folder / "dataset_info.json").write_text(json.dumps({"features": features}))
    (folder / "state.json").write_text(json.dumps({"_data_files": [{"filename": name} for name in names]}))
    return folder


def _add(tar: tarfile.TarFile, name: str, data: bytes) -> None:
    entry = tarfile.TarInfo(name)
    entry.size = len(data)
    tar.addfile(entry, io.BytesIO(data))
