"""The page's session: a key in a cookie, for what a browser fetches without scripts (pictures, event streams)."""

from __future__ import annotations

from fastapi import APIRouter, Request, Response
from pydantic import BaseModel, Field

from vasari.api.service.dependencies import OF_NO_ITEMS, Anyone, ServiceDep, came_by_tls
from vasari.api.service.openapi.schema import problems
from vasari.api.service.security.auth import COOKIE, Scope

router = APIRouter(prefix="/v1/session", tags=["session"], dependencies=[OF_NO_ITEMS])


class SessionAnswer(BaseModel):
    """Who the caller is."""

    name: str
    scopes: list[str]
    narrow: bool = Field(description="Whether the key sees a part of the library.")
    trash: bool = Field(description="Whether `trash` of `POST /v1/remove` is allowed here, to this caller.")


@router.get("", operation_id="get_session", responses=problems())
async def look(service: ServiceDep, caller: Anyone) -> SessionAnswer:
    """Who the caller is, and what the caller may do; 401 tells a page to ask for a key."""
    return SessionAnswer(
        name=caller.name,
        scopes=sorted(caller.scopes),
        narrow=caller.within is not None,
        trash=service.settings.trash and caller.may(Scope.WRITE),
    )


@router.post("", operation_id="open_session", status_code=204, responses=problems())
async def begin(request: Request, caller: Anyone) -> Response:
    """Keep the key of the Authorization header in a cookie that scripts cannot read and other sites cannot send."""
    answer = Response(status_code=204)
    scheme, _, key = request.headers.get("authorization", "").partition(" ")
    if caller.key is not None and scheme.lower() == "bearer":
        answer.set_cookie(
            COOKIE,
            key.strip(),
            httponly=True,
            samesite="strict",
            secure=came_by_tls(request),
            path="/",
        )
    return answer


@router.delete("", operation_id="close_session", status_code=204, responses=problems())
async def end() -> Response:
    """Forget the cookie."""
    answer = Response(status_code=204)
    answer.delete_cookie(COOKIE, path="/", httponly=True, samesite="strict")
    return answer
