"""Security headers (Content-Security-Policy and others): a page may load its own files, and nothing else."""

from __future__ import annotations

_ALWAYS = {
    "x-content-type-options": "nosniff",
    "x-frame-options": "DENY",
    "referrer-policy": "no-referrer",
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
    "permissions-policy": "camera=(), microphone=(), geolocation=(), payment=(), usb=()",
}
NOTHING = "default-src 'none'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
PAGE = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' blob: data:; connect-src 'self';"
    " manifest-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)
# Redoc makes two <style> elements: an empty one, that its script fills, and that of its scroll bars.
REFERENCE = PAGE.replace(
    "style-src 'self'",
    "style-src 'self' 'sha256-47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU='"
    " 'sha256-QMIg+bpjm3JdElJ388KYke01izlUW0UoNOeKjpMxdgc='",
)
# A service worker asks for what it keeps by itself.
WORKER = NOTHING + "; connect-src 'self'"
# A picture opened on its own must not run anything, whatever a browser takes it for.
PICTURE = NOTHING + "; sandbox"


def security_headers(content_type: str, status: int, *, cross_origin: bool) -> list[tuple[bytes, bytes]]:
    """Headers for an answer of this type; `cross_origin` when pages of other origins may read it.

    "Not modified" names no policy: a browser puts the headers of such an answer in place of those it kept, and has
    no type to tell a page by (RFC 9111, section 3.2).
    """
    kind = content_type.partition(";")[0].strip()
    policy = PAGE if kind == "text/html" else PICTURE if kind.startswith("image/") else NOTHING
    headers = dict(_ALWAYS)
    if cross_origin:
        headers["cross-origin-resource-policy"] = "cross-origin"
    if status != 304:
        headers["content-security-policy"] = policy
    return [(name.encode(), value.encode()) for name, value in headers.items()]
