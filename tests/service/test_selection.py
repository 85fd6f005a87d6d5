"""Many items at once: a zip that is sent while it is made, and taking them out."""

from __future__ import annotations

import io
from pathlib import Path
from zipfile import ZipFile

import anyio

from tests.service.conftest import Served
from vasari.api.service.runtime.zip_stream import LEFT_OUT, zip_stream
from vasari.indexer.exchange import tables
from vasari.indexer.exchange.records import Record
from vasari.retrieval.domain import Item, Modality


def test_a_zip_holds_the_originals(served: Served) -> None:
    """The very bytes under their names, each once; what is gone is said in a text beside them."""
    ids = [served.ids[name] for name in ("red", "blue", "white")]
    away = served.pictures / "away.png"
    (served.pictures / "white.png").rename(away)
    try:
        asked = ",".join(map(str, [*ids, ids[0], 999]))
        response = served.client.get("/v1/download", params={"ids": asked})
    finally:
        away.rename(served.pictures / "white.png")
    assert response.headers["content-type"] == "application/zip"
    assert "pictures.zip" in response.headers["content-disposition"]
    with ZipFile(io.BytesIO(response.content)) as archive:
        assert archive.testzip() is None
        assert archive.namelist() == ["red.png", "blue.png", LEFT_OUT]
        assert archive.read("red.png") == (served.pictures / "red.png").read_bytes()
        assert "white.png" in archive.read(LEFT_OUT).decode()


def test_a_download_names_items_that_are_there(served: Served) -> None:
    """Of none of them it is 404; what is no list of numbers, or too long, is refused."""
    assert served.client.get("/v1/download?ids=900,901").status_code == 404
    assert served.client.get("/v1/download?ids=").status_code == 422
    assert served.client.get("/v1/download?ids=1,../2").status_code == 422
    many = ",".join(str(number) for number in range(1, 2002))
    assert served.client.get(f"/v1/download?ids={many}").status_code == 400


def test_many_are_taken_out_at_once(served: Served) -> None:
    """They are found no more, files stay, and what was not there is named."""
    gone = [served.ids["red"], served.ids["blue"]]
    answer = served.client.post("/v1/remove", json={"ids": [*gone, 999]}).json()
    assert answer == {"removed": 2, "not_found": [999]}
    listed = served.client.get("/v1/items?limit=100").json()["items"]
    assert {item["id"] for item in listed} == set(served.ids.values()) - set(gone)
    assert (served.pictures / "red.png").is_file()


def test_an_export_is_what_import_reads(served: Served, tmp_path: Path) -> None:
    """Of just the items that were asked for, as JSON lines and as Parquet: facts, what was said, and the vector."""
    ids = [served.ids["red"], served.ids["blue"]]
    served.client.post("/v1/annotate", json={"ids": ids[:1], "add_tags": ["warm"]})
    for layout, read in (("jsonl", tables.read_json_lines), ("parquet", tables.read_parquet)):
        answer = served.client.get("/v1/export", params={"ids": f"{ids[0]},{ids[1]},999", "format": layout})
        assert f"pictures.{layout}" in answer.headers["content-disposition"]
        (tmp_path / f"x.{layout}").write_bytes(answer.content)
        blue, red = sorted(read(tmp_path / f"x.{layout}"), key=lambda one: one.uri)  # type: ignore[union-attr]
        assert isinstance(red, Record)
        assert isinstance(blue, Record)
        assert red.tags == ("warm",)
        assert (Path(red.uri).name, Path(blue.uri).name) == ("red.png", "blue.png")
        vectors = served.library.gallery(Modality.IMAGE).vectors_of(ids)
        assert abs(red.vector - vectors[0]).max() < 1e-6
    assert served.client.get("/v1/export?ids=900").status_code == 404


def test_too_large_a_download_is_refused_in_the_readers_language(served: Served) -> None:
    """The sentence comes in its parts, numbers apart, as the page translates it."""
    answer = served.client.get("/v1/download", params={"ids": ",".join(map(str, range(1, 2002)))})
    assert answer.status_code == 400
    assert answer.json()["detail"] == "a download takes at most 2,000 pictures, and these are 2,001"
    assert answer.json()["said"]["values"] == {"most": 2000, "n": 2001}


def test_names_in_a_zip_are_told_apart() -> None:
    """Two of one name get numbers, in whatever letters, and none leads out of the folder it is unpacked in."""
    uris = [
        "/a/IMG.jpg",
        "/b/img.JPG",
        "s3://x/IMG.jpg",
        "/c/a.zip#../../etc/passwd",
        "/d/.hidden",
        "/e/x\\..\\y.png",
        "/f/IMG #1.jpg",
    ]
    found = [Item(number, Modality.IMAGE, uri, "0", 1, 0) for number, uri in enumerate(uris)]

    async def read(item: Item) -> bytes:
        return str(item.id).encode()

    async def whole() -> bytes:
        return b"".join([piece async for piece in zip_stream(found, read)])

    data = anyio.run(whole)
    with ZipFile(io.BytesIO(data)) as archive:
        names = archive.namelist()
        assert names == ["IMG.jpg", "img (2).JPG", "IMG (3).jpg", "passwd", ".hidden", "y.png", "IMG #1.jpg"]
        assert [archive.read(name) for name in names] == [str(number).encode() for number in range(7)]
