"""The search page's files, and /docs: both from this machine, with nothing loaded from elsewhere."""

from __future__ import annotations

from pathlib import Path

from fastapi import FastAPI
from starlette.exceptions import HTTPException
from starlette.responses import HTMLResponse, Response
from starlette.staticfiles import StaticFiles
from starlette.types import Receive, Scope, Send

from api.service.reference import STYLE, reference_page


class Pages:
    """Serves `directory` at /, its index.html first, and the reference of the API at /docs."""

    def __init__(self, app: FastAPI, directory: Path) -> None:
        self._app = app
        self._files = StaticFiles(directory=directory, html=True, check_dir=False)
        self._reference: bytes | None = None

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        if scope["type"] != "http":
            return
        if scope["method"] not in ("GET", "HEAD"):
            raise HTTPException(404, "there is nothing here")
        response = await self._response(scope)
        await response(scope, receive, send)

    async def _response(self, scope: Scope) -> Response:
        path = self._files.get_path(scope)
        if path == "docs":
            if self._reference is None:
                self._reference = reference_page(self._app.openapi()).encode()
            return HTMLResponse(self._reference, headers={"Cache-Control": "no-cache"})
        if path == "docs.css":
            return Response(STYLE, media_type="text/css", headers={"Cache-Control": "no-cache"})
        if "\0" in path:
            raise HTTPException(404, "there is nothing here")
        try:
            response = await self._files.get_response(path, scope)
        except HTTPException as error:
            raise HTTPException(error.status_code, "there is nothing here") from None
        # Files change with an update of the program and keep their names: browsers ask whether theirs is still right.
        response.headers["Cache-Control"] = "no-cache"
        return response
