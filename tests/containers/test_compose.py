"""docker-compose.yml and Dockerfile: valid by their specifications, and every command in them runs."""

from __future__ import annotations

import json
import os
import re
import shlex
import socket
import subprocess
import sys
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import yaml

from tests.grey import write_picture

pytestmark = pytest.mark.long

ROOT = Path(__file__).parents[2]
SCHEMA: dict[str, Any] = json.loads((Path(__file__).parent / "compose_spec.json").read_text(encoding="utf-8"))
SCHEMA["properties"]["name"] = {"type": "string", "pattern": "^[a-z0-9][a-z0-9_-]*$"}  # newer than the schema
COMPOSE: dict[str, Any] = yaml.safe_load((ROOT / "docker-compose.yml").read_text(encoding="utf-8"))
DOCKERFILE = (ROOT / "Dockerfile").read_text(encoding="utf-8")
OURS = {name: service for name, service in COMPOSE["services"].items() if "build" in service}
VASARI = Path(sys.executable).with_name("vasari")


def words(command: list[str], **given: str) -> list[str]:
    """A command line as compose makes it: `${NAME:-default}` filled in."""
    return [
        re.sub(r"\$\{(\w+)(?::-([^}]*))?\}", lambda found: given.get(found[1], found[2] or ""), word)
        for word in command
    ]


def test_the_compose_file_is_valid() -> None:
    """By the schema of the Compose Specification; images are pinned, and volumes declared."""
    jsonschema.Draft7Validator(SCHEMA).validate(COMPOSE)
    for name, service in COMPOSE["services"].items():
        assert not service["image"].endswith(":latest"), name
        for volume in service.get("volumes", []):
            source = volume.split(":")[0]
            if source.startswith("./deploy") and not source.endswith(".key"):
                assert (ROOT / source).exists(), source
            elif not source.startswith((".", "$")):
                assert source in COMPOSE["volumes"], source


def test_the_schema_refuses_what_compose_would() -> None:
    """A misspelt key is an error, so that a valid file says something."""
    wrong = {"services": {"service": {"image": "vasari", "comand": ["serve"]}}}
    with pytest.raises(jsonschema.ValidationError, match="comand"):
        jsonschema.Draft7Validator(SCHEMA).validate(wrong)


def test_the_images_run_as_a_user_and_say_whether_they_are_well() -> None:
    """Targets cpu and cuda, each ending as the user vasari; a health check; the entry point is the command."""
    instructions = re.sub(r"^#.*\n", "", DOCKERFILE, flags=re.MULTILINE)
    stages = re.split(r"^FROM ", instructions, flags=re.MULTILINE)[1:]
    targets = {stage.split()[2]: stage for stage in stages if " AS " in stage.splitlines()[0]}
    assert {"base", "cpu", "cuda"} <= set(targets)
    for name in ("cpu", "cuda"):
        assert targets[name].rstrip().splitlines()[-1] == "USER vasari"
    assert "HEALTHCHECK" in targets["base"]
    assert 'ENTRYPOINT ["vasari"]' in targets["base"]
    assert {service["build"]["target"] for service in OURS.values()} == {"cpu", "cuda"}


def test_the_services_commands_run(tmp_path: Path) -> None:
    """Index, make a key, serve, and ask how it is: the same command lines, on this machine's folders and processor."""
    for number in range(3):
        write_picture(tmp_path / "pictures" / f"{number}.png", number, side=64)
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    environment = {
        **os.environ,
        "VASARI_LIBRARY": str(tmp_path / "library"),
        "VASARI_ROOTS": json.dumps([str(tmp_path / "pictures")]),
        "VASARI_VECTORS": words([COMPOSE["x-vasari"]["environment"]["VASARI_VECTORS"]])[0],
        "VASARI_PORT": str(port),
        "VASARI_OFFLINE": "1",
    }
    here = {"/pictures": str(tmp_path / "pictures"), "cuda": "cpu"}

    def vasari(command: list[str]) -> list[str]:
        return [str(VASARI), *(here.get(word, word) for word in command)]

    for name in ("indexer", "indexer-gpu"):
        done = subprocess.run(
            vasari(words(OURS[name]["command"], MODEL="scenes")),
            env=environment,
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stderr
    # The line that the compose file's own comment tells to run.
    subprocess.run(vasari(["keys", "create", "prometheus"]), env=environment, check=True, capture_output=True)
    log = tmp_path / "log"
    with log.open("wb") as output:
        service = subprocess.Popen(
            vasari(OURS["service"]["command"]), env=environment, stdout=output, stderr=output
        )
    try:
        check = re.search(r"HEALTHCHECK[^\\]*\\\s*CMD (\[.*\])", DOCKERFILE)
        assert check is not None
        probe = [sys.executable, *json.loads(check[1])[1:]]
        probe = [word.replace(":7600", f":{port}") for word in probe]
        while subprocess.run(probe, check=False, capture_output=True).returncode:
            assert service.poll() is None, log.read_text()
    finally:
        service.terminate()
        service.wait()


def test_what_the_comments_tell_to_type_names_services_that_exist() -> None:
    """Every `docker compose …` line at the top of the file uses known services and profiles."""
    text = (ROOT / "docker-compose.yml").read_text(encoding="utf-8")
    lines = re.findall(r"docker compose ((?:run|--profile|up)[^\n]*?)(?:  |$)", text, flags=re.MULTILINE)
    profiles = {name for service in COMPOSE["services"].values() for name in service.get("profiles", [])}
    assert len(lines) >= 4
    for line in lines:
        given = shlex.split(line)
        if "--profile" in given:
            assert given[given.index("--profile") + 1] in profiles, line
        if "--rm" in given:
            assert given[given.index("--rm") + 1] in COMPOSE["services"], line
