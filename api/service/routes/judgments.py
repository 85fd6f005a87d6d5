"""Judgments: thumbs on hits, kept as which items are right and wrong for a query.

Who judges is the key, by its name. A key that sees a part of the library judges what it sees, and is told what it said
itself: others' queries would tell it what there is elsewhere.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated

from fastapi import APIRouter, Depends, Query, Request, Response

from vasari.api.contract.judgments import judgment_fields
from vasari.api.service.converters import told
from vasari.api.service.dependencies import EXACT, SEARCHER, WRITER, Anyone, ServiceDep, SightDep, charge
from vasari.api.service.openapi.schema import problems
from vasari.api.service.request_bodies import body_of, described
from vasari.api.service.schemas.fields import LARGEST_ID, Whole
from vasari.api.service.schemas.judgments import (
    CompareAnswer,
    CompareBody,
    JudgedAnswer,
    JudgmentBody,
    JudgmentsAnswer,
    WithdrawnAnswer,
)
from vasari.api.service.sight import Sight
from vasari.retrieval.catalog.records import Judgment
from vasari.retrieval.errors import NotFoundError, Sentence, UsageError
from vasari.retrieval.evaluation.judgments import answerable, judged_searches
from vasari.retrieval.evaluation.side_by_side import side_by_side
from vasari.retrieval.evaluation.variants import parse_variant
from vasari.retrieval.library import comparing, judging
from vasari.retrieval.search.query import MAX_TEXT

router = APIRouter(prefix="/v1", tags=["judgments"])

MOST_QUERIES = 200  # of a comparison
_Words = Annotated[
    str, Query(min_length=1, max_length=MAX_TEXT, description="The query, as it was searched for.")
]
_Narrowed = Annotated[str | None, Query(max_length=MAX_TEXT, description="The filter that the search had.")]


@router.post(
    "/judgments",
    dependencies=[WRITER],
    operation_id="judge",
    responses=problems(400, 404, 415, 422),
    openapi_extra=described(JudgmentBody),
    response_model=JudgedAnswer,
)
async def judge(
    service: ServiceDep,
    sight: SightDep,
    caller: Anyone,
    body: Annotated[JudgmentBody, Depends(body_of(JudgmentBody))],
) -> Response:
    """Say that items are right, or wrong, for a query."""
    ids = list(dict.fromkeys(body.items))
    seen = await sight.items(ids)
    for item in ids:
        if item not in seen:
            raise NotFoundError(f"no item {item} in this library")
    library = service.library
    judged = await service.run(
        judging.judge, library, body.query, ids, body.grade, caller.name, body.filter, sight.within
    )
    return told({"judged": judged})


@router.get(
    "/judgments",
    dependencies=[SEARCHER],
    operation_id="list_judgments",
    responses=problems(400, 422),
    response_model=JudgmentsAnswer,
)
async def listed(
    service: ServiceDep,
    sight: SightDep,
    caller: Anyone,
    query: Annotated[
        str | None,
        Query(min_length=1, max_length=MAX_TEXT, description="Only of this query under its filter."),
    ] = None,
    filter: _Narrowed = None,  # noqa: A002
    limit: Annotated[int, Whole, Query(ge=1, le=1000)] = 100,
    offset: Annotated[int, Whole, Query(ge=0, le=LARGEST_ID)] = 0,
) -> Response:
    """What was judged, by query, item and person."""
    own = None if sight.within is None else caller.name
    said = await service.run(service.library.catalog.judgments.all, query, filter, own)
    found = await _seen(sight, said)
    page = found[offset : offset + limit]
    return told({"judgments": [judgment_fields(one) for one in page], "total": len(found)})


@router.delete(
    "/judgments",
    dependencies=[WRITER, EXACT],
    operation_id="withdraw_judgments",
    responses=problems(400, 422),
    response_model=WithdrawnAnswer,
)
async def withdraw(
    service: ServiceDep,
    sight: SightDep,
    caller: Anyone,
    query: _Words,
    filter: _Narrowed = None,  # noqa: A002
    item: Annotated[
        int | None, Whole, Query(ge=1, le=LARGEST_ID, description="Only of this item; else of all.")
    ] = None,
) -> Response:
    """Take back what this key said for a query."""
    catalog = service.library.catalog
    said = await _seen(sight, await service.run(catalog.judgments.all, query, filter, caller.name))
    ids = [one.item for one in said if item in (None, one.item)]
    withdrawn = await service.run(catalog.judgments.withdraw, query, filter, ids, caller.name)
    return told({"withdrawn": withdrawn})


@router.post(
    "/compare",
    dependencies=[WRITER],
    operation_id="compare",
    responses=problems(400, 404, 415, 422),
    openapi_extra=described(CompareBody),
    response_model=CompareAnswer,
)
async def compare(
    service: ServiceDep, request: Request, body: Annotated[CompareBody, Depends(body_of(CompareBody))]
) -> Response:
    """Tell whether one setting finds better than another, by a paired test over what was judged."""
    library = service.library
    judged, empty = answerable(await service.run(judged_searches, library.catalog))
    if len(judged) > MOST_QUERIES:
        raise UsageError(
            Sentence(
                "{n:,} judged queries are more than a request waits for: `vasari compare` takes all",
                n=len(judged),
            )
        )
    charge(request, 2 * len(judged))
    spaces = await service.run(library.catalog.spaces.all)
    first, second = (parse_variant(setting, spaces) for setting in (body.a, body.b))
    answers = await service.think(comparing.answers, library, judged, (first, second))
    names = first.name, second.name
    found = await service.run(side_by_side, judged, answers[0], answers[1], names, body.measure)
    return told({**found.as_json(), "without_right": empty})


async def _seen(sight: Sight, said: Sequence[Judgment]) -> Sequence[Judgment]:
    """Those of items that the caller sees."""
    if sight.within is None:
        return said
    seen = await sight.items(sorted({one.item for one in said}))
    return [one for one in said if one.item in seen]
