"""Clients that generators make of /openapi.json, for Python and TypeScript: made without complaint, and used."""

from __future__ import annotations

import base64
import importlib
import json
import pkgutil
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import httpx
import pytest

from tests.patience import LONG
from tests.service.colours import picture
from tests.service.conftest import Live

# The generator knows no type of these; their bytes are had all the same.
BINARY = (
    "content_type image/",
    "content_type application/zip",
    "content_type application/jsonl",
)
NAME = "vasari_generated"
TYPESCRIPT = Path(__file__).parents[2] / "examples" / "typescript"


@pytest.fixture
def made(live: Live, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[ModuleType]:
    """The client, imported."""
    document = tmp_path / "openapi.json"
    document.write_bytes(httpx.get(f"{live.url}/openapi.json", timeout=LONG).content)
    program = "import openapi_python_client.cli as made; made.app()"
    command = [sys.executable, "-c", program, "generate", "--path", str(document), "--meta", "none"]
    target = ["--output-path", str(tmp_path / NAME), "--overwrite"]
    done = subprocess.run([*command, *target], capture_output=True, text=True, check=True, cwd=tmp_path)
    complaints = [
        line for line in (done.stdout + done.stderr).splitlines() if line.startswith("Cannot parse")
    ]
    assert all(any(kind in line for kind in BINARY) for line in complaints), complaints
    monkeypatch.syspath_prepend(str(tmp_path))
    yield importlib.import_module(NAME)
    for name in [name for name in sys.modules if name.partition(".")[0] == NAME]:
        del sys.modules[name]


def operation(made: ModuleType, name: str) -> Any:
    """The module of an operation."""
    return importlib.import_module(f"{made.__name__}.api.{name}")


def test_generated_code_runs(made: ModuleType, live: Live) -> None:
    """Every module can be imported; a search, an upload, a picture and a refusal arrive as typed values."""
    modules = list(pkgutil.walk_packages(made.__path__, f"{made.__name__}."))
    for module in modules:
        importlib.import_module(module.name)
    assert sum(module.name.startswith(f"{NAME}.api.") for module in modules) > 30
    models = importlib.import_module(f"{made.__name__}.models")
    with made.Client(base_url=live.url, timeout=httpx.Timeout(LONG)) as client:
        body = models.SearchBody.from_dict({"query": "red", "limit": 2, "filter": "width > 10"})
        found = operation(made, "search.search").sync(client=client, body=body)
        assert found.hits[0].id == live.ids["red"]
        sent = {"image": base64.b64encode(picture((9, 9, 90))).decode(), "tags": ["sent"]}
        added = operation(made, "items.add_item").sync(client=client, body=models.UploadBody.from_dict(sent))
        assert added.tags == ["sent"]
        small = operation(made, "items.thumbnail").sync_detailed(id=added.id, client=client)
        assert small.content[8:12] == b"WEBP"
        wrong = operation(made, "search.search").sync(client=client, body=models.SearchBody(query="-"))
        assert isinstance(wrong, models.Problem)
        assert "operator" in wrong.detail


def test_every_operation_has_one_type_of_body_and_a_name_of_its_own(live: Live) -> None:
    """What generators of clients in all languages stumble over."""
    paths = httpx.get(f"{live.url}/openapi.json", timeout=LONG).json()["paths"]
    operations = [operation for methods in paths.values() for operation in methods.values()]
    bodies = [operation["requestBody"]["content"] for operation in operations if "requestBody" in operation]
    assert all(len(types) == 1 for types in bodies), json.dumps(bodies)[:500]
    names = [operation["operationId"] for operation in operations]
    assert len(set(names)) == len(names)


@pytest.mark.skipif(
    not (TYPESCRIPT / "node_modules").is_dir(),
    reason="needs `npm install` in examples/typescript, which brings generator and compiler (60 MB)",
)
def test_typescript_code_is_strictly_typed_and_runs(live: Live, monkeypatch: pytest.MonkeyPatch) -> None:
    """Types of openapi-typescript: a search, a change, a picture and a refusal, by the commands of the example."""
    monkeypatch.setenv("VASARI", live.url)
    for words in (["types"], ["build"], ["start", "red"]):
        command = ["npm", "--silent", "--prefix", str(TYPESCRIPT), "run", *words]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stdout + done.stderr
    assert re.fullmatch(
        r"(0\.\d{3} .*\n|1\.000 .*\n){3}1 tagged\n\d+ bytes of WebP\n.*operator.*\n", done.stdout
    )
