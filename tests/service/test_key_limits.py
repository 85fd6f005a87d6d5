"""Keys that end, that may ask for so much a day, and that take another's place."""

from __future__ import annotations

from base64 import b64encode
from datetime import UTC, datetime, timedelta

import pytest

from tests.service.colours import picture
from tests.service.conftest import Serve, Served
from vasari.api.service.security.auth import create_key, key_hash, rotate_key
from vasari.api.service.security.key_quotas import KeyQuotas
from vasari.retrieval.catalog.catalog import Catalog
from vasari.retrieval.catalog.records import KeyLimits, KeyUsage
from vasari.retrieval.errors import NotFoundError, OverloadedError, UsageError

EVENING = datetime(2026, 3, 1, 23, 59, tzinfo=UTC)


def asked(served: Served, key: str) -> int:
    served.service.doorkeeper.forget()
    return served.client.get("/v1/session", headers={"Authorization": f"Bearer {key}"}).status_code


def test_a_key_ends(served: Served) -> None:
    """After its time a key is refused, with the reason; a time that has passed makes no key."""
    catalog = served.library.catalog
    ended = KeyLimits(expires_at=datetime.now(UTC))
    number = catalog.keys.add("guest", key_hash("vasari_guest"), ["search"], ended)
    refused = served.client.get("/v1/session", headers={"Authorization": "Bearer vasari_guest"})
    assert (refused.status_code, refused.json()["type"]) == (401, "urn:vasari:problem:expired-key")
    with pytest.raises(UsageError, match="future"):
        create_key(catalog, "guest", ["search"], ended)
    with pytest.raises(NotFoundError):
        rotate_key(catalog, number)


def test_a_rotated_key_is_replaced(served: Served) -> None:
    """The new key sees what the old one saw; that ends at once, or after the overlap."""
    catalog = served.library.catalog
    limits = KeyLimits(filter="tag:a", requests_a_day=9)
    number, old = create_key(catalog, "studio", ["search"], limits)
    second, new = rotate_key(catalog, number, timedelta(hours=1))
    assert (asked(served, old), asked(served, new)) == (200, 200)
    _, newest = rotate_key(catalog, second)
    assert (asked(served, new), asked(served, newest)) == (401, 200)
    found = catalog.keys.all()
    assert [key.limits.filter for key in found] == ["tag:a"] * 3
    assert found[0].limits.expires_at is not None
    assert found[2].limits == limits


def stop_clock(served: Served) -> None:
    """No day ends while a test counts."""
    served.service.key_quotas._now = lambda: EVENING


def test_a_key_asks_so_often_a_day(serve: Serve) -> None:
    """Beyond its requests of a day a key waits for midnight; what it used and when is in the catalog."""
    served = serve()
    catalog = served.library.catalog
    stop_clock(served)
    number, key = create_key(catalog, "page", ["search"], KeyLimits(requests_a_day=2))
    assert [asked(served, key) for _ in range(3)] == [200, 200, 429]
    served.service.key_quotas.tell()
    assert catalog.keys.used(EVENING.date().isoformat())[number] == KeyUsage(requests=2)
    (record,) = catalog.keys.all()
    assert record.last_used_at is not None


def test_a_key_uploads_so_much_a_day(serve: Serve) -> None:
    """Uploads have quotas of pictures and bytes a key."""
    served = serve()
    stop_clock(served)
    data = picture((9, 9, 9))
    for limits in (KeyLimits(upload_pictures_a_day=1), KeyLimits(upload_bytes_a_day=len(data))):
        _, key = create_key(served.library.catalog, "camera", ["write"], limits)
        served.service.doorkeeper.forget()
        sent = [
            served.client.post(
                "/v1/items",
                json={"image": b64encode(data).decode()},
                headers={"Authorization": f"Bearer {key}"},
            ).status_code
            for _ in range(2)
        ]
        assert sent[0] in (200, 201)
        assert sent[1] == 429


def test_processes_count_together(catalog: Catalog) -> None:
    """What one process let in counts in another, once it was told; a new day begins with nothing."""
    number = catalog.keys.add("x", "hash", ["search"], KeyLimits(requests_a_day=3))
    (key,) = catalog.keys.all()
    now = EVENING
    one, other = (KeyQuotas(catalog.keys, lambda: now) for _ in range(2))
    one.take(key, KeyUsage(requests=1))
    one.tell()
    other.take(key, KeyUsage(requests=1))
    other.tell()
    other.take(key, KeyUsage(requests=1))
    with pytest.raises(OverloadedError) as refused:
        other.take(key, KeyUsage(requests=1))
    assert refused.value.retry_after == 60
    other.tell()
    assert catalog.keys.used("2026-03-01") == {number: KeyUsage(requests=3)}
    now = EVENING + timedelta(minutes=2)
    for _ in range(3):
        one.take(key, KeyUsage(requests=1))
    one.tell()
    assert catalog.keys.used("2026-03-02") == {number: KeyUsage(requests=3)}
    assert catalog.keys.used("2026-03-01") == {}


def test_what_could_not_be_told_is_told_later(catalog: Catalog, monkeypatch: pytest.MonkeyPatch) -> None:
    """A catalog that is busy loses no count."""
    number = catalog.keys.add("x", "hash", ["search"], KeyLimits(requests_a_day=2))
    (key,) = catalog.keys.all()
    quotas = KeyQuotas(catalog.keys, lambda: EVENING)
    quotas.take(key, KeyUsage(requests=1))

    def busy(*_: object) -> dict[int, KeyUsage]:
        raise OverloadedError("busy")

    with monkeypatch.context() as patched:
        patched.setattr(catalog.keys, "count", busy)
        quotas.tell()
    quotas.take(key, KeyUsage(requests=1))
    with pytest.raises(OverloadedError):
        quotas.take(key, KeyUsage(requests=1))
    quotas.tell()
    assert catalog.keys.used("2026-03-01") == {number: KeyUsage(requests=2)}
