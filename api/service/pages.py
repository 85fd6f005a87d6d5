"""Static files of the search page and of /docs, and 405 for methods that an address has not.

Page and reference come from this machine, with nothing loaded from elsewhere. The page is sent as a bundle; the
reference is Redoc, vendored.
"""

from __future__ import annotations

import gzip
from collections.abc import Sequence
from functools import lru_cache
from pathlib import Path

from anyio import to_thread
from starlette.datastructures import Headers
from starlette.exceptions import HTTPException
from starlette.responses import FileResponse, Response
from starlette.routing import BaseRoute
from starlette.staticfiles import StaticFiles
from starlette.types import Receive, Scope, Send

from vasari.api.service.bundle import MODULES, Packed, bundled
from vasari.api.service.bundle import WORKER as WORKER_FILE
from vasari.api.service.middleware.methods import allowed
from vasari.api.service.middleware.security_headers import REFERENCE, WORKER

_REFERENCE = "docs/index.html"
_YEAR = "public, max-age=31536000, immutable"


class Pages:
    """Serves `directory` at /, its index.html first, and the reference of the API at /docs.

    What comes here has an address or a method that none of `routes` has.
    """

    def __init__(self, directory: Path, routes: Sequence[BaseRoute]) -> None:
        self._routes = routes
        self._directory = directory
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
        bundle = await to_thread.run_sync(bundled, self._directory)
        if bundle is not None and path in bundle.files and scope["method"] in ("GET", "HEAD"):
            answer = _answer(bundle.files[path], scope)
            if path == WORKER_FILE:
                answer.headers["Content-Security-Policy"] = WORKER
            return answer
        if bundle is not None and path == MODULES:
            path = "index.html"
        try:
            response = await self._files.get_response(path, scope)
        except HTTPException as error:
            raise HTTPException(error.status_code, "there is nothing here") from None
        # Files change with an update of the program and keep their names: browsers ask whether theirs is still right.
        response.headers["Cache-Control"] = "no-cache"
        response.headers["Accept-Ranges"] = "none"
        response.headers["Vary"] = "Accept-Encoding"
        if isinstance(response, FileResponse) and _takes_gzip(scope):
            response = await _packed(response)
        if path == _REFERENCE and response.status_code == 200:
            response.headers["Content-Security-Policy"] = REFERENCE
        return response


def _answer(file: Packed, scope: Scope) -> Response:
    """A file of the bundle: for good under the address that names what it holds, else asked for each time."""
    named = scope["query_string"] == f"v={file.tag}".encode()
    headers = {
        "Cache-Control": _YEAR if named else "no-cache",
        "Accept-Ranges": "none",
        "Vary": "Accept-Encoding",
    }
    headers["ETag"] = f'"{file.tag}"'
    if _same(Headers(scope=scope).get("if-none-match", ""), file.tag):
        return Response(status_code=304, headers=headers)
    if not _takes_gzip(scope):
        return Response(file.data, media_type=file.media_type, headers=headers)
    return Response(file.gzipped, media_type=file.media_type, headers={**headers, "Content-Encoding": "gzip"})


def _same(asked: str, tag: str) -> bool:
    return tag in [one.strip().removeprefix("W/").strip('"') for one in asked.split(",")]


def _takes_gzip(scope: Scope) -> bool:
    return scope["method"] == "GET" and "gzip" in Headers(scope=scope).get("accept-encoding", "").lower()


async def _packed(response: FileResponse) -> Response:
    """The file as gzip: a page is many small files, which are packed once for all who ask for them."""
    data = await to_thread.run_sync(_pack, str(response.path), response.headers["etag"])
    kept = {name: value for name, value in response.headers.items() if name != "content-length"}
    return Response(data, 200, {**kept, "content-encoding": "gzip"})


@lru_cache(maxsize=256)
def _pack(path: str, _etag: str) -> bytes:
    """The file's bytes packed; another `_etag` is another file under the name."""
    return gzip.compress(Path(path).read_bytes(), 6, mtime=0)
