"""What keys and strangers may use up: room for uploads and attributes, looks at the service's health, its end."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.service.colours import picture
from tests.service.conftest import Serve, Served
from vasari.api.service.problems import ProblemError
from vasari.api.service.security.auth import create_key
from vasari.api.service.security.quotas import UploadQuotas
from vasari.api.service.security.rate_limit import RateLimiter
from vasari.api.service.settings import ServiceSettings
from vasari.retrieval.domain import MOST_ATTRIBUTES
from vasari.retrieval.errors import OverloadedError

# Uploads


def test_attributes_have_a_size(served: Served) -> None:
    """64 KiB of JSON for an item, however they come, and by several changes too; nothing is stored beyond."""
    address = f"/v1/items/{served.ids['green']}"
    half = {"notes": "x" * (MOST_ATTRIBUTES // 2)}
    assert served.client.patch(address, json={"attributes": half}).status_code == 200
    more = served.client.patch(address, json={"attributes": {"others": half["notes"]}})
    assert more.status_code == 400
    assert "at most 65,536 bytes" in more.json()["detail"]
    assert "others" not in served.client.get(address).json()["attributes"]
    form = {"attributes": f'{{"a": "{"x" * MOST_ATTRIBUTES}"}}'}
    sent = served.client.post("/v1/items", data=form, files={"image": picture((9, 9, 9))})
    assert sent.status_code == 400
    assert list(served.root.rglob("uploads/**/*.*")) == []


def test_uploads_have_a_quota_in_all(serve: Serve) -> None:
    """What is stored is counted; a picture that is there already, and room that was freed, count for nothing."""
    first, second = picture((1, 80, 8)), picture((2, 80, 8))
    served = serve(uploads_bytes=len(first) + 10)
    added = served.client.post("/v1/items", files={"image": first})
    assert added.status_code == 201
    assert served.client.post("/v1/items", files={"image": first}).status_code == 200
    full = served.client.post("/v1/items", files={"image": second})
    assert (full.status_code, full.json()["type"]) == (507, "urn:vasari:problem:uploads-full")
    assert full.json()["title"] == "The storage refuses"
    assert served.client.delete(f"/v1/items/{added.json()['id']}").status_code == 204
    assert served.client.post("/v1/items", files={"image": second}).status_code == 201


def test_uploads_have_a_quota_a_key(serve: Serve) -> None:
    """A key that has sent enough for a day is told when to come back; another is not concerned."""
    served = serve(upload_key_pictures=2)
    keys = [create_key(served.library.catalog, name, ["write"])[1] for name in ("one", "two")]

    def send(shade: int, key: str) -> int:
        files = {"image": picture((shade, 70, 8))}
        headers = {"Authorization": f"Bearer {key}"}
        return served.client.post("/v1/items", files=files, headers=headers).status_code

    assert [send(1, keys[0]), send(2, keys[0]), send(3, keys[0]), send(3, keys[1])] == [201, 201, 429, 201]


def test_quotas_by_the_clock_and_the_disk(tmp_path: Path) -> None:
    """Bytes of a day come back over the day; a full disk is no place for uploads; what others stored is counted."""
    now = 0.0
    settings = ServiceSettings(upload_key_bytes=1000, uploads_bytes=5000, uploads_free_bytes=0)
    quotas = UploadQuotas(tmp_path / "uploads", settings, lambda: now)
    quotas.admit(1, 900)
    with pytest.raises(OverloadedError) as refused:
        quotas.admit(1, 900)
    assert 60_000 < refused.value.retry_after < 80_000
    quotas.admit(None, 10**9)
    now = 86_400.0
    quotas.admit(1, 900)
    quotas.take(4000)
    (tmp_path / "uploads" / "ab").mkdir(parents=True)
    (tmp_path / "uploads" / "ab" / "picture").write_bytes(b"x" * 4500)
    quotas.give_back(4000)
    quotas.take(4000)
    now += 4000
    with pytest.raises(ProblemError, match="uploads take at most"):
        quotas.take(1000)
    with pytest.raises(ProblemError, match="no room"):
        UploadQuotas(tmp_path / "uploads", ServiceSettings(uploads_free_bytes=2**62)).take(1)


def test_readiness_is_not_asked_without_end(served: Served) -> None:
    """An address may ask a few times at once; then it is told to wait."""
    served.service.health_asked = RateLimiter(10, 20, clock=lambda: 0.0)
    assert [served.client.get("/readyz").status_code for _ in range(21)] == [200] * 20 + [429]
