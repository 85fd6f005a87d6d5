"""Static files of the search page and of /docs, and 405 for methods that an address has not.

Page and reference come from this machine, with nothing loaded from elsewhere. The reference is Redoc, vendored.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from starlette.exceptions import HTTPException
from starlette.responses import Response
from starlette.routing import BaseRoute
from starlette.staticfiles import StaticFiles
from starlette.types import Receive, Scope, Send

from vasari.api.service.middleware.methods import allowed
from vasari.api.service.middleware.security_headers import REFERENCE

_REFERENCE = "docs/index.html"


class Pages:
    """Serves `directory` at /, its index.html first, and the reference of the API at /docs.

    What comes here has an address or a method that none of `routes` has.
    """

    def __init__(self, directory: Path, routes: Sequence[BaseRoute]) -> None:
        self._routes = routes
        self._files = StaticFiles(directory=directory, html=True, check_dir=False)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        if scope["type"] != "http":
            return
        # Whole files only, as RFC 9110 (14.2) allows: Starlette answers a `Range` that is wrong in plain text.
        scope = {**scope, "headers": [header for header in scope["headers"] if header[0] != b"range"]}
        response = await self._other_method(scope) or await self._response(scope)
        await response(scope, receive, send)

    async def _other_method(self, scope: Scope) -> Response | None:
        """The answer to a method that the address has not; None where it has none but these pages."""
        methods = allowed(self._routes, scope)
        if not methods:
            if scope["method"] in ("GET", "HEAD"):
                return None
            await self._response({**scope, "method": "GET"})  # raises 404 where there is no such page
            methods = ["GET", "HEAD", "OPTIONS"]
        headers = {"Allow": ", ".join(methods)}
        if scope["method"] == "OPTIONS":
            return Response(status_code=204, headers=headers)
        raise HTTPException(405, f"this address answers {headers['Allow']}", headers)

    async def _response(self, scope: Scope) -> Response:
        path = self._files.get_path(scope)
        if path == "docs":
            path = _REFERENCE
        if "\0" in path:
            raise HTTPException(404, "there is nothing here")
        try:
            response = await self._files.get_response(path, scope)
        except HTTPException as error:
            raise HTTPException(error.status_code, "there is nothing here") from None
        # Files change with an update of the program and keep their names: browsers ask whether theirs is still right.
        response.headers["Cache-Control"] = "no-cache"
        response.headers["Accept-Ranges"] = "none"
        if path == _REFERENCE and response.status_code == 200:
            response.headers["Content-Security-Policy"] = REFERENCE
        return response
