"""Jobs over HTTP: progress, cancelling, resuming, and where they may look."""

from __future__ import annotations

import base64
import json
import sys
import zipfile
from datetime import UTC, datetime, timedelta
from multiprocessing.reduction import ForkingPickler
from pathlib import Path
from typing import Any

import pytest

from tests.patience import LONG, until
from tests.service.colours import picture
from tests.service.conftest import Serve, Served
from tests.signs import sign
from vasari.api.service.security.auth import create_key
from vasari.api.service.security.path_guard import Jail, JailedSource
from vasari.api.service.security.url_fetcher import Fetcher
from vasari.api.service.settings import ServiceSettings
from vasari.indexer.sources.detect import choose_source
from vasari.indexer.sources.folder import FolderWithTexts
from vasari.indexer.sources.rows import resolve
from vasari.indexer.sources.source import Candidate
from vasari.retrieval.domain import Skipped
from vasari.retrieval.errors import ImageError
from vasari.retrieval.images.limits import ImageLimits
from vasari.retrieval.library.models import Presence
from vasari.retrieval.models.ports import ModelKind
from vasari.retrieval.storage.local_files import confined
from vasari.retrieval.storage.reader import open_original


def finished(served: Served, job: int) -> dict[str, Any]:
    """The job once it has ended."""
    until(lambda: served.client.get(f"/v1/jobs/{job}").json()["state"] != "running", 0.02)
    answer: dict[str, Any] = served.client.get(f"/v1/jobs/{job}").json()
    return answer


def test_an_index_job_adds_pictures_and_tells_how(serve: Serve, tmp_path: Path) -> None:
    """An index job over an allowed root brings the library in step; events end with its report."""
    folder = tmp_path / "photos"
    folder.mkdir()
    for shade in range(5):
        (folder / f"{shade}.png").write_bytes(picture((shade * 40, 0, 90)))
    served = serve(roots=[folder])
    started = served.client.post("/v1/jobs", json={"kind": "index", "paths": [str(folder)]})
    assert started.status_code == 202, started.text
    with served.client.stream("GET", f"/v1/jobs/{started.json()['id']}/events") as stream:
        assert stream.headers["content-type"].startswith("text/event-stream")
        lines = [line for line in stream.iter_lines() if line]
    assert lines[-2] == "event: end"
    last = json.loads(lines[-1].removeprefix("data: "))
    assert last["state"] == "done"
    assert last["progress"]["report"]["added"] == 5
    assert served.client.post("/v1/search", json={"query": "red"}).json()["total"] == 13
    assert served.client.get("/v1/jobs").json()["jobs"][0]["id"] == last["id"]


def test_second_looks_and_regions_are_kept_by_jobs(serve: Serve, tmp_path: Path) -> None:
    """As `vasari index --rerank` and `--regions` keep them; pictures indexed later get regions as the others have."""
    served = serve(roots=[tmp_path / "more"])

    def report(**body: Any) -> Any:
        return finished(served, served.client.post("/v1/jobs", json=body).json()["id"])["progress"]["report"]

    count = served.client.get("/v1/status").json()["items"]["image"]
    assert report(kind="rerank")["encoded"] == count
    assert report(kind="rerank")["unchanged"] == count
    assert report(kind="regions", regions=4)["embedded"] == count
    assert report(kind="regions")["unchanged"] == count
    (tmp_path / "more").mkdir()
    (tmp_path / "more" / "a.png").write_bytes(picture((9, 9, 90)))
    told = report(kind="index", paths=[str(tmp_path / "more")])
    assert (told["added"], told["regions"]["regions"], told["regions"]["embedded"]) == (1, 4, 1)
    assert report(kind="regions", regions=0)["regions"] == 0
    assert served.client.post("/v1/search", json={"query": "red", "regions": True}).status_code == 400
    assert served.client.post("/v1/jobs", json={"kind": "regions", "regions": 6}).status_code == 422


def test_no_reranker_is_fetched_for_a_job(serve: Serve, monkeypatch: pytest.MonkeyPatch) -> None:
    """What is not on the machine is told with the command that gets it, before the job is in line."""
    served = serve()
    monkeypatch.setattr(
        type(served.service.library.models), "presence", lambda *_: Presence("blip", here=False)
    )
    refused = served.client.post("/v1/jobs", json={"kind": "rerank"})
    assert refused.status_code == 503
    assert "`vasari models pull blip` gets it" in refused.json()["detail"]
    assert served.client.get("/v1/jobs").json()["jobs"] == []


def test_a_read_job_takes_down_the_text_of_pictures(serve: Serve) -> None:
    """Found by its letters, told with the item, and by the client as well."""
    pytest.importorskip("rapidocr")
    served = serve()
    image = base64.b64encode(sign("RE16 TGK")).decode()
    item = served.client.post("/v1/items", json={"image": image}).json()
    assert item["text_lines"] is None
    job = served.client.post("/v1/jobs", json={"kind": "read"}).json()
    report = finished(served, job["id"])["progress"]["report"]
    assert (report["with_text"], report["failed"]) == (1, 0)
    found = served.client.post("/v1/search", json={"query": "red", "filter": "ocr:E16T"}).json()
    assert [hit["id"] for hit in found["hits"]] == [item["id"]]
    (line,) = served.client.get(f"/v1/items/{item['id']}").json()["text_lines"]
    assert line["text"].replace(" ", "") == "RE16TGK"
    assert len(line["corners"]) == 4


def test_a_read_job_without_the_package_is_refused(serve: Serve, monkeypatch: pytest.MonkeyPatch) -> None:
    """Before it is put in line."""
    monkeypatch.setitem(sys.modules, "rapidocr", None)
    refused = serve().client.post("/v1/jobs", json={"kind": "read"})
    assert refused.status_code == 501
    assert refused.json()["extra"] == "ocr"


def test_a_captioner_reads_where_it_can(serve: Serve, monkeypatch: pytest.MonkeyPatch) -> None:
    """It needs no package for reading; one that only describes is told apart when the job runs."""
    monkeypatch.setitem(sys.modules, "rapidocr", None)
    served = serve()
    job = served.client.post("/v1/jobs", json={"kind": "read", "with": "captioner"})
    assert job.status_code == 202, job.text
    ended = finished(served, job.json()["id"])
    assert ended["params"] == {"with": "captioner"}
    assert ended["state"] == "failed"
    assert served.client.post("/v1/jobs", json={"kind": "read", "with": "eyes"}).status_code == 422


def test_a_job_without_its_model_fails_in_words(served: Served) -> None:
    """The model and the command that fetches it; no path of the machine, no number of an error."""
    served.library.models.absent = {ModelKind.CAPTIONER}
    job = served.client.post("/v1/jobs", json={"kind": "caption"}).json()
    error = finished(served, job["id"])["progress"]["error"]
    assert "`vasari models pull colour-captioner`" in error
    assert "/secret" not in error


def test_a_tilde_is_the_home_folder(serve: Serve, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without keys, this machine may index what lies in its home, and write it as people do."""
    (tmp_path / "home" / "Pictures").mkdir(parents=True)
    (tmp_path / "home" / "Pictures" / "one.png").write_bytes(picture((1, 90, 7)))
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    served = serve(empty=True)
    served.library.use_model("colours")
    job = served.client.post("/v1/jobs", json={"kind": "index", "paths": ["~/Pictures"]})
    assert job.status_code == 202, job.text
    assert finished(served, job.json()["id"])["progress"]["report"]["added"] == 1


def test_jobs_stay_inside_the_roots(serve: Serve, tmp_path: Path) -> None:
    """Paths outside the roots are refused; links that lead out are skipped with the reason."""
    inside, outside = tmp_path / "in", tmp_path / "out"
    inside.mkdir()
    outside.mkdir()
    (outside / "secret.png").write_bytes(picture((7, 7, 7)))
    (inside / "link.png").symlink_to(outside / "secret.png")
    (inside / "folder").symlink_to(outside)
    served = serve(roots=[inside])
    for path in (str(outside), f"{inside}/../out", "relative", f"{inside}/folder", "/etc", f"{inside}\0"):
        response = served.client.post("/v1/jobs", json={"kind": "index", "paths": [path]})
        assert response.status_code == 403, path
    missing = served.client.post("/v1/jobs", json={"kind": "index", "paths": [f"{inside}/nothing"]})
    assert missing.status_code == 404
    job = served.client.post("/v1/jobs", json={"kind": "index", "paths": [str(inside)]}).json()
    report = finished(served, job["id"])["progress"]["report"]
    assert (report["added"], report["failed"]) == (0, 2)
    assert "may be indexed" in served.library.catalog.failures.latest()[0].reason


def test_index_jobs_read_tables_annotations_and_archives_below_the_roots(
    serve: Serve, tmp_path: Path
) -> None:
    """A file named by path is read as `vasari index` reads it; a row that leads out is one failure."""
    inside, outside = tmp_path / "in", tmp_path / "out"
    inside.mkdir()
    outside.mkdir()
    for shade, name in enumerate(("a", "b", "../out/secret", "../out/other")):
        (inside / f"{name}.png").write_bytes(picture((3, shade, 99)))
    (inside / "link.png").symlink_to(outside / "other.png")
    (inside / "table.csv").write_text(
        "path,caption,stars\na.png,a boat,3\n../out/secret.png,x,1\nlink.png,y,1\n/etc/passwd,z,1\n"
        "http://127.0.0.1/x.png,u,1\nlocal:///etc/passwd,v,1\n"
    )
    notes = {
        "images": [{"id": 1, "file_name": "b.png"}],
        "annotations": [{"image_id": 1, "caption": "a coast"}],
    }
    (inside / "captions.json").write_text(json.dumps(notes))
    with zipfile.ZipFile(outside / "other.zip", "w") as archive:
        archive.writestr("z.png", picture((9, 9, 1)))
    with zipfile.ZipFile(inside / "more.zip", "w") as archive:
        archive.writestr("c.png", picture((9, 9, 9)))
        archive.writestr("c.txt", "a packed boat")
    served = serve(roots=[inside], fetch_urls=True, fetch_hosts=["127.0.0.1"])

    def counts(name: str) -> tuple[int, int]:
        job = served.client.post("/v1/jobs", json={"kind": "index", "paths": [str(inside / name)]}).json()
        report = finished(served, job["id"])["progress"]["report"]
        return report["added"], report["failed"]

    assert counts("table.csv") == (1, 5)
    reasons = {failure.uri: failure.reason for failure in served.library.catalog.failures.latest()}
    assert "may be indexed from here (row 2 of table.csv)" in reasons[str(outside / "secret.png")]
    assert "may be indexed from here (row 3 of table.csv)" in reasons[str(inside / "link.png")]
    assert "row 4 of table.csv" in reasons["/etc/passwd"]
    assert "not on the public internet" in reasons["http://127.0.0.1/x.png"]
    assert "only http and https" in reasons["local:///etc/passwd"]
    assert counts("captions.json") == (1, 0)
    assert counts("more.zip") == (1, 0)
    found = served.client.post("/v1/search", json={"query": "red", "filter": "stars = 3"}).json()
    assert [hit["captions"][0] for hit in found["hits"]] == ["a boat"]


def test_what_becomes_a_link_after_it_was_listed_is_not_read(tmp_path: Path) -> None:
    """Pictures, archives that another reader has open, tables: each is checked when it is read."""
    inside, outside = tmp_path / "in", tmp_path / "out"
    for folder, shade in ((inside, 1), (outside, 200)):
        folder.mkdir()
        (folder / "a.png").write_bytes(picture((shade, 0, 0)))
        with zipfile.ZipFile(folder / "b.zip", "w") as archive:
            archive.writestr("b.png", picture((shade, 0, 1)))
    open_original(f"{outside}/b.zip#b.png", ImageLimits())
    source = JailedSource(
        lambda: choose_source([inside / "a.png", inside / "b.zip"])[0],
        Jail([inside]),
        Fetcher(ServiceSettings(), max_bytes=1000),
    )
    listed = [entry for entry in source.candidates() if isinstance(entry, Candidate)]
    assert [source.read(entry) for entry in listed] == [picture((1, 0, 0)), picture((1, 0, 1))]
    for name in ("a.png", "b.zip"):
        (inside / name).unlink()
        (inside / name).symlink_to(outside / name)
    for entry in listed:
        with pytest.raises(ImageError, match="outside the folders"):
            source.read(entry)
    assert [type(entry) for entry in source.candidates()] == [Skipped, Skipped]


def test_what_a_job_reads_can_be_sent_to_processes_that_decode(tmp_path: Path) -> None:
    """Source and candidates, texts beside pictures too; the copy is held by the same jail."""
    inside = tmp_path / "in"
    inside.mkdir()
    (inside / "a.png").write_bytes(picture((1, 0, 0)))
    (inside / "a.txt").write_text("a red boat\n", "utf-8")
    fetcher = Fetcher(ServiceSettings(), max_bytes=1000)
    source = JailedSource(lambda: FolderWithTexts([inside]), Jail([inside]), fetcher)
    entry = next(source.candidates())
    sent, read = ForkingPickler.loads(ForkingPickler.dumps((entry, source.read)))
    assert read(sent) == picture((1, 0, 0))
    assert [caption.text for caption in sent.describe().captions] == ["a red boat"]
    (tmp_path / "secret.txt").write_text("a secret\n", "utf-8")
    (inside / "a.txt").unlink()
    (inside / "a.txt").symlink_to(tmp_path / "secret.txt")
    assert not sent.describe().captions


def test_a_row_tells_nothing_of_what_there_is_outside(tmp_path: Path) -> None:
    """Which of several places a name leads to does not depend on files outside the roots."""
    inside = tmp_path / "in"
    folders = [f"{inside}/images", str(inside)]
    with confined([inside]):
        before = resolve("../a.png", folders)
        (tmp_path / "a.png").write_bytes(b"")
        assert resolve("../a.png", folders) == before == f"{inside}/a.png"
    assert resolve("../a.png", folders) == f"{tmp_path}/a.png"


def test_a_person_s_home_may_be_indexed_while_nobody_else_is_served(
    serve: Serve, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """On loopback without keys the home folder is a root; elsewhere the command to type comes with the refusal."""
    home = tmp_path / "home"
    (home / "Pictures").mkdir(parents=True)
    (home / "Pictures" / "a.png").write_bytes(picture((7, 7, 7)))
    monkeypatch.setenv("HOME", str(home))
    served = serve()
    ask = {"kind": "index", "paths": [str(home / "Pictures")]}
    job = served.client.post("/v1/jobs", json=ask).json()
    assert finished(served, job["id"])["progress"]["report"]["added"] == 1
    elsewhere = served.client.post("/v1/jobs", json={"kind": "index", "paths": ["/some where"]})
    assert (elsewhere.status_code, elsewhere.json()["type"]) == (403, "urn:vasari:problem:outside")
    assert elsewhere.json()["command"] == f"vasari index '/some where' --library {served.root}"
    shown = served.client.get(f"/v1/items/{served.ids['red']}/original")
    assert shown.status_code == 200  # wherever it lies
    _, key = create_key(served.library.catalog, "owner", ["admin"])
    refused = served.client.post("/v1/jobs", json=ask, headers={"Authorization": f"Bearer {key}"})
    assert refused.json()["type"] == "urn:vasari:problem:no-roots"


def test_a_cancelled_job_stops_and_keeps_what_it_did(serve: Serve, tmp_path: Path) -> None:
    """Cancelling ends a job after its batch; a job in line never begins."""
    folder = tmp_path / "photos"
    folder.mkdir()
    for shade in range(200):
        (folder / f"{shade:03}.png").write_bytes(picture((shade, 255 - shade, 9), side=8))
    served = serve(roots=[folder])
    served.library.model.gate.clear()  # the model waits
    first = served.client.post("/v1/jobs", json={"kind": "index", "paths": [str(folder)]}).json()["id"]
    second = served.client.post("/v1/jobs", json={"kind": "rebuild"}).json()["id"]
    assert served.client.delete(f"/v1/jobs/{second}").json()["state"] == "cancelled"
    until(lambda: served.service.jobs.job(first).progress.get("total") == 200)
    assert served.client.delete(f"/v1/jobs/{first}").json()["state"] == "cancelled"
    served.library.model.gate.set()
    served.service.jobs.wait_until_idle(LONG)
    assert served.client.get(f"/v1/jobs/{first}").json()["state"] == "cancelled"
    total = served.client.post("/v1/search", json={"query": "red"}).json()["total"]
    assert 8 <= total < 208
    assert served.client.get(f"/v1/jobs/{second}").json()["progress"] in ({}, {"phase": "waiting"})


def test_a_job_left_behind_is_resumed(serve: Serve, tmp_path: Path) -> None:
    """A job whose service died is taken over by the next, and done to its end."""
    folder = tmp_path / "photos"
    folder.mkdir()
    (folder / "a.png").write_bytes(picture((3, 3, 130)))
    served = serve(roots=[folder])
    abandoned = served.library.catalog.jobs.start("index", {"paths": [str(folder)]})
    served.library.catalog.jobs.release(abandoned)
    served.service.jobs.look_around()
    assert finished(served, abandoned)["progress"]["report"]["added"] == 1


def test_only_one_takes_over(served: Served) -> None:
    """Of two services that see the same silent job, one gets it."""
    catalog = served.library.catalog
    job = catalog.jobs.start("mystery", {})
    catalog.jobs.release(job)
    record = catalog.jobs.get(job)
    assert record is not None
    assert record.heartbeat_at < datetime.now(UTC) - timedelta(days=1)
    assert catalog.jobs.claim(job, record.heartbeat_at)
    assert not catalog.jobs.claim(job, record.heartbeat_at)


def test_captions_are_written_once(served: Served) -> None:
    """A caption job describes each picture that no model has described; a second one has nothing to do."""
    assert _captioning(served) == {"captioned": 8, "unchanged": 0, "failed": 0, "interrupted": False}
    item = served.client.get(f"/v1/items/{served.ids['violet']}").json()
    assert item["captions"] == [{"text": "something violet", "language": "en", "source": "model"}]
    assert _captioning(served) == {"captioned": 0, "unchanged": 8, "failed": 0, "interrupted": False}


def test_a_picture_that_cannot_be_described_is_a_failure_and_the_others_are(served: Served) -> None:
    """A caption job over HTTP records what it could not read, as the command does."""
    item = served.library.items([served.ids["violet"]])[served.ids["violet"]]
    Path(item.uri).unlink()
    report = _captioning(served)
    assert (report["captioned"], report["failed"]) == (7, 1)
    assert [failure.uri for failure in served.library.catalog.failures.latest()] == [item.uri]


def _captioning(served: Served) -> dict[str, Any]:
    job = served.client.post("/v1/jobs", json={"kind": "caption"}).json()["id"]
    report: dict[str, Any] = finished(served, job)["progress"]["report"]
    return report


def test_a_caption_job_writes_as_much_as_it_was_asked_for(served: Served) -> None:
    """A paragraph, too."""
    job = served.client.post("/v1/jobs", json={"kind": "caption", "detail": "more"}).json()["id"]
    assert finished(served, job)["state"] == "done"
    item = served.client.get(f"/v1/items/{served.ids['red']}").json()
    assert [caption["text"] for caption in item["captions"]] == ["something red, all over and at length"]


def test_a_map_puts_like_beside_like(served: Served) -> None:
    """A map job lays the collection out; until then there is none, and after a change it is not current."""
    assert served.client.get("/v1/map").status_code == 404
    job = served.client.post("/v1/jobs", json={"kind": "map"}).json()["id"]
    assert finished(served, job)["progress"]["report"] == {"items": 8, "points": 8}
    answer = served.client.get("/v1/map").json()
    assert answer["current"]
    assert {point["id"] for point in answer["points"]} == set(served.ids.values())
    assert max(abs(point[axis]) for point in answer["points"] for axis in "xy") == 1
    served.client.delete(f"/v1/items/{served.ids['red']}")
    assert not served.client.get("/v1/map").json()["current"]


def test_a_rebuild_switches_the_generation(served: Served) -> None:
    """After a rebuild searches use the new index, without a restart."""
    job = served.client.post("/v1/jobs", json={"kind": "rebuild", "index_kind": "flat"}).json()["id"]
    assert finished(served, job)["state"] == "done"
    assert (
        'vasari_index_generation{modality="image",space="colours"} 1.0' in served.client.get("/metrics").text
    )
    hits = served.client.post("/v1/search", json={"query": "red", "limit": 1}).json()["hits"]
    assert hits[0]["id"] == served.ids["red"]
