"""Keys, scopes, rates, and who is served without a key."""

from __future__ import annotations

import socket

import pytest
from starlette.testclient import TestClient

from tests.patience import LONG
from tests.service.colours import picture
from tests.service.conftest import Live, Serve, Served
from vasari.api.service.security.auth import create_key, key_hash
from vasari.api.service.security.rate_limit import RateLimiter
from vasari.api.service.server import refuse_without_keys
from vasari.api.service.settings import ServiceSettings
from vasari.retrieval.errors import UsageError


def bearer(key: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {key}"}


def test_without_keys_this_machine_is_served(served: Served) -> None:
    """A library without keys serves programs on its own machine."""
    assert served.client.get("/v1/session").json()["name"] == "local"


def test_without_keys_nobody_else_is_served(serve: Serve) -> None:
    """Another machine, and anybody behind a proxy on this one, is refused with the reason."""
    served = serve()
    stranger = TestClient(served.client.app, base_url="http://127.0.0.1:7600", client=("192.0.2.7", 1))
    for response in (
        stranger.post("/v1/search", json={"query": "red"}),
        served.client.post("/v1/search", json={"query": "red"}, headers={"X-Forwarded-For": "192.0.2.7"}),
    ):
        assert response.status_code == 403
        assert "vasari keys create" in response.json()["detail"]


PROXIED = """
Forwarded X-Forwarded-Proto X-Forwarded-Host X-Real-IP CF-Connecting-IP True-Client-IP X-Client-IP Client-IP
Fly-Client-IP
Fastly-Client-IP X-Cluster-Client-IP X-Original-Forwarded-For X-Original-Host X-Originating-IP X-Remote-Addr
X-ProxyUser-Ip WL-Proxy-Client-IP Via CDN-Loop X-Envoy-External-Address X-Azure-ClientIP X-Appengine-User-IP CF-Ray
X-Amzn-Trace-Id Tailscale-User-Login X_Forwarded_For X-Nf-Client-Connection-Ip
X-Nginx-Proxy X-Forward-For Cdn-Src-Ip Surrogate-Capability Proxy-Connection Remote-User X-Auth-Request-Email
X-Goog-Iap-Jwt-Assertion X-Ms-Client-Principal-Id
"""


def test_any_header_of_a_proxy_gives_it_away(served: Served) -> None:
    """Without keys, whatever a proxy adds to a request closes the door; ordinary browsers' headers do not."""
    for header in PROXIED.split():
        assert served.client.get("/v1/session", headers={header: "192.0.2.7"}).status_code == 403, header
    usual = {
        "Referer": "http://127.0.0.1:7600/",
        "DNT": "1",
        "Sec-Fetch-Site": "same-origin",
        "X-Request-Id": "a",
    }
    assert served.client.get("/v1/session", headers=usual).status_code == 200


def test_http_1_0_is_a_proxy_s(live: Live) -> None:
    """Without keys, HTTP/1.0 is refused: proxies speak it, and they may add no header at all."""
    for version, status in ((b"1.0", b" 403 "), (b"1.1", b" 200 ")):
        with socket.create_connection(live.address, timeout=LONG) as caller:
            caller.sendall(b"GET /v1/session HTTP/" + version + b"\r\nHost: 127.0.0.1\r\n\r\n")
            assert status in caller.recv(100)


def test_a_key_that_only_writes_reads_nothing(served: Served) -> None:
    """An empty change, or a picture that was sent before, does not tell what others wrote about an item."""
    _, key = create_key(served.library.catalog, "camera", ["write"])
    _, full = create_key(served.library.catalog, "owner", ["search", "write"])
    address = f"/v1/items/{served.ids['red']}"
    served.client.patch(address, json={"tags": ["secret"]}, headers=bearer(full))
    changed = served.client.patch(address, json={}, headers=bearer(key))
    assert (changed.status_code, changed.content) == (204, b"")
    assert served.client.get(address, headers=bearer(full)).json()["tags"] == ["secret"]
    files = {"image": picture((9, 9, 99))}
    served.client.post("/v1/items", files=files, data={"tags": "secret"}, headers=bearer(full))
    again = served.client.post("/v1/items", files=files, headers=bearer(key))
    assert (again.status_code, again.json()["tags"]) == (200, [])


def test_the_cookie_of_a_page_over_tls_is_secure(served: Served) -> None:
    """Behind a proxy that speaks TLS the browser may send the cookie over TLS only."""
    _, key = create_key(served.library.catalog, "page", ["search"])
    for said, secure in (
        ({"X-Forwarded-Proto": "https"}, True),
        ({"Forwarded": "for=192.0.2.7;proto=https"}, True),
        ({"X-Forwarded-Ssl": "on"}, True),
        ({"CloudFront-Forwarded-Proto": "https"}, True),
        ({"X-Url-Scheme": "https"}, True),
        ({"X-Forwarded-Protocol": "ssl"}, True),
        ({"CF-Visitor": '{"scheme":"https"}'}, True),
        ({"X-Arr-Ssl": "2048|256|C=US"}, True),
        ({"Forwarded": "for=192.0.2.7;host=https.example.org;proto=http"}, False),
        ({"X-Forwarded-Proto": "http"}, False),
        ({}, False),
    ):
        cookie = served.client.post("/v1/session", headers=bearer(key) | said).headers["set-cookie"]
        assert ("Secure" in cookie) is secure, said


def test_a_key_opens_its_scopes_only(served: Served) -> None:
    """A search key searches, and neither deletes nor starts jobs."""
    _, key = create_key(served.library.catalog, "reader", ["search"])
    found = served.client.post("/v1/search", json={"query": "red"}, headers=bearer(key))
    assert found.status_code == 200
    refused = served.client.delete(f"/v1/items/{served.ids['red']}", headers=bearer(key))
    assert (refused.status_code, refused.json()["type"]) == (403, "urn:vasari:problem:scope")
    assert served.client.get("/v1/jobs", headers=bearer(key)).status_code == 403
    assert served.client.get(f"/v1/items/{served.ids['red']}", headers=bearer(key)).status_code == 200


def test_with_keys_everybody_needs_one(served: Served) -> None:
    """From the first key on, this machine is asked for one too; the page and the health checks are open."""
    create_key(served.library.catalog, "any", ["admin"])
    refused = served.client.post("/v1/search", json={"query": "red"})
    assert refused.status_code == 401
    assert refused.headers["www-authenticate"].startswith("Bearer")
    assert served.client.get("/livez").status_code == 200


def test_a_key_may_stand_in_a_url(served: Served) -> None:
    """As the password of HTTP Basic, which clients send that take no headers; a wrong one is refused as ever."""
    _, key = create_key(served.library.catalog, "reader", ["search"])
    ask = {"text": "red", "num_images": 1}
    for name in ("vasari", ""):
        found = served.client.post("/knn-service", json=ask, auth=(name, key))
        assert found.status_code == 200
        assert found.json()[0]["id"] == served.ids["red"]
    for password in ("wrong", ""):
        assert served.client.post("/knn-service", json=ask, auth=("vasari", password)).status_code == 401
    for header in ("Basic", "Basic !", "Basic //8="):
        assert served.client.get("/v1/status", headers={"Authorization": header}).status_code == 401


def test_a_key_is_stored_as_a_hash(served: Served) -> None:
    """The key itself is nowhere in the catalog."""
    number, key = create_key(served.library.catalog, "x", ["write"])
    (record,) = served.library.catalog.keys.all()
    assert (record.id, record.key_hash, record.scopes) == (number, key_hash(key), ("write",))
    assert all(key.encode() not in path.read_bytes() for path in served.root.glob("catalog*"))


def test_a_revoked_key_is_refused(serve: Serve) -> None:
    """Revoking ends a key; a service that has no key left does not become open to others."""
    served = serve(host="0.0.0.0")
    number, key = create_key(served.library.catalog, "x", ["search"])
    assert served.client.get("/v1/session", headers=bearer(key)).status_code == 200
    served.library.catalog.keys.revoke(number)
    served.service.doorkeeper.forget()
    assert served.client.get("/v1/session", headers=bearer(key)).status_code == 403
    assert served.client.get("/v1/session").status_code == 403


def test_a_session_cookie_stands_for_the_key(served: Served) -> None:
    """The page can let pictures and event streams be fetched with a cookie no script reads."""
    _, key = create_key(served.library.catalog, "page", ["search"])
    opened = served.client.post("/v1/session", headers=bearer(key))
    assert opened.status_code == 204
    cookie = opened.headers["set-cookie"]
    assert "HttpOnly" in cookie
    assert "SameSite=strict" in cookie
    assert served.client.get("/v1/session").json() == {
        "name": "page",
        "scopes": ["search"],
        "narrow": False,
        "trash": False,
    }


def test_a_key_that_asks_too_often_waits(serve: Serve) -> None:
    """Beyond its burst a key gets 429 with the time to wait; other keys are not touched."""
    served = serve(rate_per_second=0.01, rate_burst=3)
    _, busy = create_key(served.library.catalog, "busy", ["search"])
    _, calm = create_key(served.library.catalog, "calm", ["search"])
    statuses = [served.client.get("/v1/session", headers=bearer(busy)).status_code for _ in range(4)]
    assert statuses == [200, 200, 200, 429]
    refused = served.client.get("/v1/session", headers=bearer(busy))
    assert int(refused.headers["retry-after"]) > 10
    assert served.client.get("/v1/session", headers=bearer(calm)).status_code == 200


def test_another_address_without_keys_is_not_served(served: Served) -> None:
    """Starting on an address that others can reach is refused until there is a key."""
    everywhere = ServiceSettings(host="0.0.0.0")
    with pytest.raises(UsageError, match="vasari keys create"):
        refuse_without_keys(everywhere, served.library.catalog)
    refuse_without_keys(ServiceSettings(host="::1"), served.library.catalog)
    create_key(served.library.catalog, "x", ["search"])
    refuse_without_keys(everywhere, served.library.catalog)


def test_a_scope_that_is_none_is_refused(served: Served) -> None:
    """Making a key names the scopes there are."""
    with pytest.raises(UsageError, match="search, write, admin"):
        create_key(served.library.catalog, "x", ["root"])


def test_a_bucket_fills_again() -> None:
    """Tokens come back with time, never more than the burst."""
    now = 0.0
    limiter = RateLimiter(2.0, 2, clock=lambda: now)
    assert [limiter.take("a"), limiter.take("a")] == [0, 0]
    assert limiter.take("a") == 0.5
    now = 0.5
    assert limiter.take("a") == 0
    now = 100.0
    assert [limiter.take("a") for _ in range(3)] == [0, 0, 0.5]
