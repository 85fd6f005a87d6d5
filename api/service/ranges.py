"""Range requests (RFC 9110, section 14): part of a file, for players, resumed downloads and large originals."""

from __future__ import annotations

import re
from collections.abc import Mapping

from starlette.datastructures import Headers
from starlette.responses import Response

from vasari.api.service.problems import ProblemError

_ONE_RANGE = re.compile(r"bytes\s*=\s*(\d{0,18})\s*-\s*(\d{0,18})", re.ASCII | re.IGNORECASE)


def ranged(data: bytes, headers: Mapping[str, str], media_type: str, asked: Headers) -> Response:
    """`data`, or the one range of it that was asked for (206).

    Several ranges, and what is no range, are answered by the whole, as the RFC allows. Raises ProblemError 416 for a
    range beyond the end.
    """
    headers = {**headers, "Accept-Ranges": "bytes"}
    span = _span(asked, headers.get("ETag", ""), len(data))
    if span is None:
        return Response(data, 200, headers, media_type)
    start, end = span
    if start >= end:
        refusal = {"Content-Range": f"bytes */{len(data)}"}
        raise ProblemError(416, "range", f"the file ends at byte {len(data):,}", refusal)
    headers["Content-Range"] = f"bytes {start}-{end - 1}/{len(data)}"
    return Response(data[start:end], 206, headers, media_type)


def _span(asked: Headers, etag: str, size: int) -> tuple[int, int] | None:
    """The byte range [first, after the last); None for the whole."""
    found = _ONE_RANGE.fullmatch(asked.get("range", "").strip())
    if found is None or asked.get("if-range", etag) != etag:
        return None
    first, last = found.groups()
    if first:
        end = min(int(last) + 1, size) if last else size
        return None if last and int(last) < int(first) else (int(first), end)
    return (max(0, size - int(last)), size) if last else None
