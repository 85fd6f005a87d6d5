"""What those who operate the service ask: does it live, is it ready, how does it fare."""

from __future__ import annotations

import time
from typing import Any

from fastapi import APIRouter, Request, Response
from fastapi.responses import JSONResponse

from vasari.api.service.dependencies import SEARCHER, ServiceDep
from vasari.api.service.openapi.schema import problems
from vasari.api.service.service import Service
from vasari.retrieval.domain import Modality
from vasari.retrieval.errors import NotFoundError, OverloadedError, VasariError
from vasari.retrieval.library.last_uses import LoadedKind

router = APIRouter(tags=["operations"])
_CANARY = "a photo"
_SLOW = 10.0  # seconds a canary may take


@router.get("/livez", operation_id="livez")
async def livez() -> dict[str, str]:
    """The process answers."""
    return {"status": "alive"}


@router.get(
    "/readyz",
    operation_id="readyz",
    responses={
        429: {"description": "Asked more than ten times a second by one address."},
        503: {"description": "Not ready; `checks` says why.", "content": {"application/json": {}}},
    },
)
async def readyz(service: ServiceDep, request: Request) -> dict[str, Any]:
    """The catalog answers, the model embeds, the index is open, the workers work.

    Everybody may ask, so questions of the same moment share one look, and an address may ask ten times a second.
    """
    address = request.client.host if request.client is not None else ""
    if wait := service.health_asked.take(address):
        raise OverloadedError("asked too often whether the service is ready", wait)
    checks = await service.checking.run("ready", lambda: _checks(service))
    ready = all(check["ok"] for check in checks.values())
    body = {"status": "ready" if ready else "not ready", "checks": checks}
    return body if ready else JSONResponse(body, 503)  # type: ignore[return-value]  # FastAPI passes it on


@router.get(
    "/metrics",
    operation_id="metrics",
    dependencies=[SEARCHER],
    response_class=Response,
    responses={**problems(), 200: {"content": {"text/plain": {}}, "description": "Prometheus' text format."}},
)
async def metrics(service: ServiceDep) -> Response:
    """Figures for Prometheus."""
    await service.refresh_gauges()
    return Response(service.metrics.text(), 200, {"Cache-Control": "no-store"}, "text/plain; version=0.0.4")


async def _checks(service: Service) -> dict[str, dict[str, Any]]:
    checks = {
        "database": await _tried(service, service.library.catalog.revision),
        "index": await _tried(service, lambda: _open_index(service)),
        "model": await _tried(service, lambda: _embed_canary(service)),
        "workers": {"ok": service.batchers.alive and service.jobs.alive},
    }
    checks["model"]["loaded"] = [str(kind) for kind in service.library.models.loaded()]
    checks["model"]["ok"] = checks["model"]["ok"] and checks["model"].get("ms", 0) < _SLOW * 1000
    return checks


async def _tried(service: Service, check: Any) -> dict[str, Any]:
    """Whether `check` works, and how long it took; details are for the log, not for strangers."""
    began = time.perf_counter()
    try:
        await service.run(check)
    except VasariError as error:
        return {"ok": False, "reason": type(error).__name__}
    return {"ok": True, "ms": round((time.perf_counter() - began) * 1000, 2)}


def _open_index(service: Service) -> None:
    try:
        service.library.gallery(Modality.IMAGE)
    except NotFoundError:
        return  # an empty library is ready to be filled


def _embed_canary(service: Service) -> None:
    """Past the cache: the model itself must answer."""
    try:
        space = service.library.space()
    except NotFoundError:
        return
    uses = service.library.models.uses
    # It is loaded for the next who searches, not for those who ask whether it could be.
    if uses.rests(LoadedKind.TEXT):
        return
    with uses.unnoticed(LoadedKind.TEXT):
        service.library.models.text_encoder(space).embed_texts([_CANARY])
