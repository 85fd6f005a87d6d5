"""One contract: what the command line prints as JSON, what HTTP answers, and what the client makes of either."""

from __future__ import annotations

import inspect
import json
from collections.abc import Callable, Iterator
from dataclasses import fields, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import anyio
import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.models import write_model
from tests.patience import LONG
from tests.service.colours import picture
from tests.service.conftest import listening
from vasari.api.cli.main import main
from vasari.api.client import requests
from vasari.api.client.client import Client
from vasari.api.client.connection import ServiceError, error_of
from vasari.api.contract.answers import (
    answer_fields,
    description_fields,
    labels_fields,
    match_fields,
    read_answer,
    read_description,
    read_labels,
    read_match,
    read_regions,
)
from vasari.api.contract.duplicates import duplicates_fields, read_duplicates
from vasari.api.contract.items import item_fields, listed_fields, read_item
from vasari.api.contract.jobs import job_fields, read_job
from vasari.api.contract.library import filter_fields
from vasari.api.contract.search import hit_fields, read_response, response_fields, understanding_fields
from vasari.api.json_text import as_json
from vasari.api.service.app import create_app
from vasari.api.service.converters import search_request
from vasari.api.service.problems import ProblemError, answer_to
from vasari.api.service.schemas import collection, items, jobs, models, search
from vasari.api.service.settings import ServiceSettings
from vasari.indexer.job import index
from vasari.indexer.sources.folder import FolderSource
from vasari.retrieval import errors
from vasari.retrieval.catalog.records import JobRecord
from vasari.retrieval.domain import (
    Caption,
    CaptionSource,
    Correction,
    Explain,
    GroupScore,
    Hit,
    Item,
    Modality,
    Order,
    Rerank,
    SearchRequest,
    SearchResponse,
    Share,
    Term,
    TermKind,
    TextLine,
    Understanding,
    UnderstoodFilter,
)
from vasari.retrieval.images.overlap import CopyKind
from vasari.retrieval.library.duplicates import Duplicate, Evidence
from vasari.retrieval.library.library import Library
from vasari.training.scenes.dataset import DrawnCollection
from vasari.training.scenes.painter import paint
from vasari.training.scenes.scene import Split

MODELS = {"VASARI_RERANKER": "scenes-itm", "VASARI_CAPTIONER": "scenes-florence"}


@pytest.fixture(scope="module")
def url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A service over a library that the command line opens too, with real if small models."""
    base = tmp_path_factory.mktemp("contract")
    write_model(base / "tiny", "clip")
    (base / "photos").mkdir()
    for name in ("red", "green", "blue", "white"):
        (base / "photos" / f"{name}.png").write_bytes(picture(name))
    (base / "photos" / "broken.jpg").write_text("no picture")
    with pytest.MonkeyPatch.context() as environment:
        for name, value in {**MODELS, "VASARI_LIBRARY": str(base / "library"), "VASARI_OFFLINE": "1"}.items():
            environment.setenv(name, value)
        with Library.open(create=True) as library:
            library.use_model(str(base / "tiny"))
            index(library, FolderSource([base / "photos"]))
            first = int(library.catalog.items.live_ids(Modality.IMAGE)[0])
            library.catalog.annotations.set_tags(first, ["a\x1a0041", "sea"])
            library.catalog.annotations.set_captions(
                first, [Caption("a boat", "en"), Caption("s\x1ab")], CaptionSource.USER
            )
            library.catalog.annotations.set_captions(first, [Caption("something red")], CaptionSource.MODEL)
            library.catalog.annotations.set_attributes(first, {"stars": 5, "who": {"é": ["x\x1a0041"]}})
        settings = ServiceSettings(preload="none", rate_per_second=0, deadline_ms=600_000)
        with listening(create_app(Library.open, settings)) as address:
            yield address


Print = Callable[..., Any]


@pytest.fixture
def printed(capsys: pytest.CaptureFixture[str]) -> Print:
    """What a command prints as JSON; with `raw` its text."""

    def run(*words: object, raw: bool = False) -> Any:
        with pytest.raises(SystemExit) as ended:
            main([*map(str, words), *(() if raw else ("--json",))])
        out = capsys.readouterr().out
        assert not ended.value.code, out
        return out if raw else json.loads(out)

    return run


def timeless(answer: Any) -> Any:
    """The answer without how long it took, and scores as far as two runs agree."""
    match answer:
        case dict():
            kept = {name: timeless(value) for name, value in answer.items()}
            kept |= {name: 0 for name in ("took_ms", "stages_ms") if name in kept}
            return kept | ({"score": round(answer["score"], 3)} if "score" in answer else {})
        case list():
            return [timeless(entry) for entry in answer]
    return answer


SEARCHES = [
    (["search", "a boat", "-t", 3], {"query": "a boat", "limit": 3}),
    (["search", "a boat", "-", "blue", "--explain"], {"query": "a boat - blue", "explain": True}),
    (
        ["search", "a boat", "--rerank", "--rerank-top", 2],
        {"query": "a boat", "rerank": {"top": 2, "deadline_ms": None}},
    ),
    (["search", "boat", "--for", "text"], {"query": "boat", "modality": "text"}),
]


@pytest.mark.parametrize(("words", "body"), SEARCHES)
def test_a_search_is_one_document_in_three_places(
    url: str, printed: Print, words: list[object], body: Any
) -> None:
    """Here, over HTTP, and by --server: the same fields and values; the client's objects become them again."""
    here = printed(*words)
    there = httpx.post(f"{url}/v1/search", json=body, timeout=LONG).json()
    assert timeless(here) == timeless(there) == timeless(printed(*words, "--server", url))
    read = read_response(here)
    assert over_the_wire(response_fields(read)) == here
    assert over_the_wire(response_fields(read_response(there))) == there
    if body.get("rerank"):
        assert [hit.reranked for hit in read.hits] == [True, True, False, False]


def test_what_is_understood_is_told_alike(url: str, printed: Print) -> None:
    """A typed sentence: the same document by command, HTTP and --server, and the client's object becomes it again."""
    sentence = "a boat, May 2018, png images"
    here = printed("understand", sentence)
    there = httpx.post(f"{url}/v1/understand", json={"query": sentence}, timeout=LONG).json()
    assert here == there == printed("understand", sentence, "--server", url)
    assert here == {
        "terms": [{"text": "a boat", "weight": 1.0}],
        "words": [],
        "corrections": [],
        "filters": [
            {"filter": "taken = 2018-05", "text": "May 2018", "kind": "date"},
            {"filter": "format = png", "text": "png images", "kind": "kind"},
        ],
    }
    with Client(url) as client:
        assert over_the_wire(understanding_fields(client.understand(sentence))) == here
    last = httpx.post(
        f"{url}/v1/understand", json={"query": "last year", "today": "2020-03-01"}, timeout=LONG
    ).json()
    assert last == printed("understand", "last year", "--today", "2020-03-01")
    assert last["filters"][0]["filter"] == "taken = 2019"


def test_lines_and_paths_are_the_documents(url: str, printed: Print) -> None:
    """JSON lines are its hits, paths are their uris: here and by --server."""
    hits = printed("search", "a boat")["hits"]
    for place in ([], ["--server", url]):
        lines = printed("search", "a boat", "--jsonl", *place, raw=True).splitlines()
        assert timeless([json.loads(line) for line in lines]) == timeless(hits)
        assert printed("search", "a boat", "-f", *place, raw=True).split() == [hit["uri"] for hit in hits]


def test_what_the_client_finds_is_what_the_library_finds(url: str) -> None:
    """Hits, items, captions with who wrote them: equal, but for the file's time, which is nobody's business."""
    with Library.open() as library, Client(url) as client:
        request = SearchRequest((Term(TermKind.TEXT, text="red"),))
        near = library.search(request)
        far = client.search(request)
        assert [hit.item for hit in far.hits] == [replace(hit.item, mtime_ns=0) for hit in near.hits]
        for hit in near.hits:
            assert client.item(hit.item.id) == replace(hit.item, mtime_ns=0)


def test_what_models_say_has_one_field_name(url: str, printed: Print, tmp_path: Path) -> None:
    """match and classify answer with a `score` in [0, 1]; captions and answers are called so; both ways in agree."""
    file = tmp_path / "drawn.png"  # the built-in captioner speaks about drawings only
    paint(DrawnCollection(2026, Split.HELDOUT).scene(0), 256).save(file)
    with Client(url, timeout=LONG) as client:
        assert read_match(printed("match", file, "red")) == pytest.approx(client.match(file, "red"), abs=1e-3)
        labels = read_labels(printed("classify", file, "red", "blue"))
        theirs = client.classify(file, ["red", "blue"])
        assert [name for name, _ in labels] == [name for name, _ in theirs]
        assert dict(labels) == pytest.approx(dict(theirs), abs=1e-3)
        assert 0 <= labels[1][1] <= labels[0][1] <= 1
        (described,) = printed("caption", file)
        assert read_description(described) == client.caption(file)
        assert read_answer(printed("ask", file, "Which colour?")) == client.ask(file, "Which colour?")
        assert read_regions(printed("detect", file)) == client.detect(file)
        assert read_regions(printed("locate", file, "red thing")) == client.locate(file, "red thing")


def test_what_a_library_holds_is_told_alike(url: str, printed: Print) -> None:
    """Status, spaces and the fields of filters: the same document by command, HTTP and client."""
    status = httpx.get(f"{url}/v1/status", timeout=LONG).json()
    assert printed("status") == {"library": printed("status")["library"], **status}
    assert printed("status", "--server", url) == {"library": url, **status}
    spaces = [
        {name: value for name, value in space.items() if name != "generation"} for space in status["spaces"]
    ]
    assert printed("spaces", "list") == spaces
    assert printed("fields") == httpx.get(f"{url}/v1/fields", timeout=LONG).json()
    (failed,) = printed("failures")
    assert set(failed) == {"uri", "stage", "reason", "attempts", "at"}


WORDS = st.text(st.characters(exclude_categories=())) | st.just("\x1a0041\ud800")
MOMENTS = st.datetimes(timezones=st.just(UTC))
CAPTIONS = st.builds(Caption, WORDS, st.none() | WORDS, st.sampled_from(CaptionSource))
POINTS = st.tuples(st.integers(0, 9999), st.integers(0, 9999))
CONFIDENCES = st.floats(0, 1).map(lambda share: round(share, 4))
LINES = st.builds(TextLine, WORDS, CONFIDENCES, st.tuples(POINTS, POINTS, POINTS, POINTS))
ITEMS = st.builds(
    Item,
    st.integers(1, 2**63 - 1),
    st.sampled_from(Modality),
    WORDS,
    WORDS,
    st.integers(0),
    st.just(0),
    width=st.none() | st.integers(1),
    height=st.none() | st.integers(1),
    format=st.none() | WORDS,
    text=st.none() | WORDS,
    captions=st.lists(CAPTIONS, max_size=3).map(tuple),
    tags=st.lists(WORDS, max_size=3).map(tuple),
    attributes=st.dictionaries(WORDS, WORDS | st.lists(st.none() | st.integers() | st.booleans())),
    added_at=st.none() | MOMENTS,
    updated_at=st.none() | MOMENTS,
    text_lines=st.none() | st.lists(LINES, max_size=2).map(tuple),
)


def over_the_wire(told: Any) -> Any:
    """As it arrives."""
    return json.loads(as_json(told).encode())


@given(ITEMS, st.floats(-1, 1).map(lambda score: round(score, 6)), st.booleans())
def test_what_goes_out_as_json_comes_back_the_same(item: Item, score: float, reranked: bool) -> None:
    """Names and words of any characters, all facts, in an item and in a hit."""
    assert read_item(over_the_wire(item_fields(item))) == item
    # Lists go without the text in pictures.
    hit = Hit(
        replace(item, text_lines=None),
        score,
        reranked,
        group=["a\ud800", 1.5],
        members=3,
        region=(0, 4, 9, 7),
    )
    response = SearchResponse(
        (hit,),
        1,
        1.5,
        "space",
        reranked,
        Explain("exact", 1, {"embed": 1.25}, ("a\ud800",), (Share(1, 2.5, 0.25, ("a\ud800",)),)),
        ("note\x1a",),
    )
    assert read_response(over_the_wire(response_fields(response))) == response


def test_a_broken_file_is_named_here_and_there(url: str, tmp_path: Path) -> None:
    """The library and the client say which file is no picture, in the same words."""
    file = tmp_path / "x.jpg"
    file.write_text("no picture")
    request = SearchRequest((Term(TermKind.IMAGE, image=file),))
    with Library.open() as library, Client(url) as client:
        for ask in (library.search, client.search):
            with pytest.raises(errors.ImageError, match=f"^{file}: this is not an image") as caught:
                ask(request)
            assert caught.value.stage == "decode"


def test_a_job_goes_out_and_comes_back() -> None:
    """With its times and whatever it reports."""
    now = datetime.now(UTC)
    job = JobRecord(3, "index", {"paths": ["/a\udcff"]}, "running", {"done": 1}, now, now, None)
    assert read_job(over_the_wire(job_fields(job))) == job


def test_an_older_service_is_understood() -> None:
    """It says neither per hit whether that was reranked, nor who wrote a caption, nor how large a file is."""
    hit = {
        "id": 1,
        "uri": "/a.png",
        "modality": "image",
        "text": None,
        "captions": ["a boat"],
        "attributes": {},
    }
    hit |= {"tags": [], "width": 8, "height": 8, "thumbnail": "/v1/items/1/thumbnail?v=0", "score": 0.5}
    read = read_response(
        {"hits": [hit], "total": 1, "took_ms": 1.0, "space": "s", "reranked": True, "explain": None}
    )
    assert read.hits[0].reranked
    assert read.hits[0].item.captions == (Caption("a boat"),)


UNDERSTOOD = Understanding(
    (Term(TermKind.TEXT, text="boat"),),
    ("re16",),
    (UnderstoodFilter("taken = 2018", "2018", "date"),),
    (Correction("boot", "boat"),),
)


COPY = Duplicate(
    Item(1, Modality.IMAGE, "/a.png", "0f", 3, 0, added_at=datetime(2026, 1, 1, tzinfo=UTC)),
    CopyKind.CROPPED,
    Evidence(9, 0.75, 0.875),
    (0.25, 0.125, 0.5, 0.75),
)


def test_a_copy_goes_out_and_comes_back() -> None:
    """A duplicate's evidence and place survive the wire."""
    assert read_duplicates(over_the_wire(duplicates_fields([COPY]))) == [COPY]


def test_the_schemas_are_the_contracts() -> None:
    """What OpenAPI promises has the contract's fields, no more and no fewer, and takes its values as they are."""
    item = Item(1, Modality.IMAGE, "/a.png", "0f", 3, 0, captions=(Caption("x"),), added_at=datetime.now(UTC))
    hit = Hit(item, 0.5)
    answer = SearchResponse((hit,), 1, 1.0, "s", explain=Explain("exact", 1, {"embed": 1.0}))
    now = datetime.now(UTC)
    for schema, told in (
        (items.ItemAnswer, item_fields(item)),
        (items.ListedItem, listed_fields(item)),
        (search.HitAnswer, hit_fields(hit)),
        (search.SearchAnswer, response_fields(answer)),
        (search.UnderstandAnswer, understanding_fields(UNDERSTOOD)),
        (models.MatchAnswer, match_fields(0.5)),
        (models.DuplicatesAnswer, duplicates_fields([COPY])),
        (models.ClassifyAnswer, labels_fields([("a", 0.5)])),
        (models.DescribeAnswer, description_fields("a boat")),
        (models.AskAnswer, answer_fields("two")),
        (jobs.JobAnswer, job_fields(JobRecord(1, "map", {}, "done", {}, now, now, now))),
        (collection.FieldsAnswer, filter_fields({"id": "number"}, {"camera": 3})),
    ):
        assert set(schema.model_fields) == set(told), schema
        assert schema.model_validate(told).model_dump(mode="json") == over_the_wire(told), schema


def kinds_of_errors() -> list[type[errors.VasariError]]:
    """All classes of the module."""
    found = [
        kind
        for _, kind in inspect.getmembers(errors, inspect.isclass)
        if issubclass(kind, errors.VasariError)
    ]
    assert len(found) > 13
    return found


RAISED: dict[type[errors.VasariError], errors.VasariError] = {
    errors.QueryError: errors.QueryError("what is this", "tag:", 4),
    errors.ImageError: errors.ImageError("too large", "limit"),
    errors.ModelUnavailableError: errors.ModelUnavailableError(
        "/x is gone", "the model 'x'", "vasari models pull x"
    ),
    errors.LibraryLockedError: errors.LibraryLockedError("it is being written", "vasari index"),
    errors.MissingExtraError: errors.MissingExtraError("ray", "ray"),
    errors.ReadOnlyError: errors.ReadOnlyError(),
    errors.OverloadedError: errors.OverloadedError("too much", 7.0),
}
SEEN_AS: dict[type[errors.VasariError], type[errors.VasariError]] = {
    errors.AbandonedError: errors.DeadlineError  # who asked is told that the time is up
}


@pytest.mark.parametrize("kind", kinds_of_errors())
def test_every_error_of_the_library_arrives_as_itself(kind: type[errors.VasariError]) -> None:
    """Service → problem document → client: the same class, what it knows, and words for who asked."""
    error = RAISED[kind] if kind in RAISED else kind("it failed")
    response = answer_to(error)
    found = error_of(
        httpx.Response(response.status_code, headers=dict(response.headers), content=bytes(response.body))
    )
    assert type(found) is SEEN_AS.get(kind, kind)
    assert str(found) == json.loads(bytes(response.body))["detail"]
    assert vars(found) == vars(error)


def test_what_only_a_service_refuses_is_a_service_error() -> None:
    """Its status and name are kept; a body that fits no schema is a wrong request as anywhere."""

    def arrived(response: Any) -> errors.VasariError:
        return error_of(httpx.Response(response.status_code, content=bytes(response.body)))

    refused = arrived(answer_to(ProblemError(403, "scope", "this key has no scope 'admin'")))
    assert isinstance(refused, ServiceError)
    assert (refused.status, refused.kind) == (403, "scope")
    assert type(arrived(answer_to(ProblemError(422, "schema", "limit: too large")))) is errors.UsageError


def test_a_request_arrives_as_it_was_sent() -> None:
    """Every field of a search, by the client's body and the service's schema."""
    request = SearchRequest(
        (
            Term(TermKind.TEXT, 2.0, text="a boat"),
            Term(TermKind.TEXT, text="RE 16", quoted=True),
            Term(TermKind.ITEM, -1.0, item=3),
            Term(TermKind.IMAGE, image=b"x"),
        ),
        Modality.TEXT,
        "tag:sea",
        7,
        5,
        "space",
        Rerank(4, None, 0.25, True),
        True,
        True,
        0.5,
        0.9,
        True,
        True,
        ("no entry",),
        True,
        True,
        ("May 2018",),
        "product",
        GroupScore.MEAN,
        True,
        Order.DATE,
    )
    usual = SearchRequest()
    assert all(getattr(request, field.name) != getattr(usual, field.name) for field in fields(request))
    body = search.SearchBody.model_validate(over_the_wire(requests.search_body(request)))
    service: Any = None  # fetches pictures by URL, of which there is none
    assert anyio.run(search_request, body, service) == request
