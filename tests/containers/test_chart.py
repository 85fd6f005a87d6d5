"""The Helm chart: checked and rendered by Helm itself, held by Kubernetes' schemas, and its commands run."""

from __future__ import annotations

import os
import re
import shlex
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.cli.conftest import Run, run
from tests.grey import GreyLibrary
from vasari.api.service.shutdown import longest_stop
from vasari.retrieval.version import __version__

__all__ = ["run"]  # a fixture

helm = pytest.importorskip("helm_python", reason="helm-python-sdk is for Linux on x86-64")
kubernetes_validate = pytest.importorskip("kubernetes_validate")

ROOT = Path(__file__).parents[2]
CHART = ROOT / "deploy" / "helm" / "vasari"
VASARI = Path(sys.executable).with_name("vasari")
KEY: dict[str, Any] = {"key": {"existingSecret": "vasari-key"}}
SHARED: dict[str, Any] = {
    **KEY,
    "database": {"existingSecret": "vasari-database"},
    "library": {"accessModes": ["ReadWriteMany"]},
}
EVERYTHING: dict[str, Any] = {
    **SHARED,
    "milvus": {"url": "milvus+http://milvus:19530"},
    "pictures": {"persistentVolumeClaim": {"claimName": "photos"}},
    "settings": {"rate_per_second": 20, "fetch_urls": True},
    "env": [{"name": "OTEL_SERVICE_NAME", "value": "pictures"}],
    "envFrom": [{"secretRef": {"name": "bucket"}}],
    "image": {"pullSecrets": ["registry"]},
    "ingress": {"enabled": True, "className": "nginx", "hosts": ["a.example"], "tls": [{"hosts": ["a.example"]}]},
    "autoscaling": {"enabled": True, "cpu": 80},
    "indexer": {
        "enabled": True, "schedule": "17 3 * * *", "gpu": {"enabled": True}, "model": "balanced", "args": ["--read"],
        "tolerations": [{"key": "nvidia.com/gpu", "operator": "Exists"}], "nodeSelector": {"gpu": "yes"},
    },
    "networkPolicy": {"from": [{"namespaceSelector": {}}], "egress": [{"ports": [{"protocol": "TCP", "port": 443}]}]},
    "monitoring": {"serviceMonitor": True, "alerts": True, "dashboard": True, "labels": {"release": "prometheus"}},
    "traces": {"url": "http://otel-collector:4318"},
    "podAnnotations": {"a": "b"}, "podLabels": {"c": "d"}, "nodeSelector": {"disk": "ssd"},
    "tolerations": [{"operator": "Exists"}], "affinity": {"nodeAffinity": {}},
    "topologySpreadConstraints": [
        {"maxSkew": 1, "topologyKey": "zone", "whenUnsatisfiable": "ScheduleAnyway", "labelSelector": {}}
    ],
    "serviceAccount": {"annotations": {"e": "f"}}, "service": {"annotations": {"g": "h"}},
}  # fmt: skip
WAYS: dict[str, dict[str, Any]] = {
    "the least": KEY,
    "everything": EVERYTHING,
    "once": {**KEY, "indexer": {"enabled": True}},
    "readers": {"readOnly": True, "replicas": 3, **{name: SHARED[name] for name in ("database", "library")}},
    "open": {**KEY, "networkPolicy": {"enabled": False}, "library": {"existingClaim": "mine"}},
}


def rendered(values: dict[str, Any], name: str = "vasari") -> list[dict[str, Any]]:
    """The objects that an install would make."""
    with helm.Chart.load(CHART) as chart:
        files = chart.render(values, name=name, namespace="pictures")
    texts = (text for file, text in files.items() if file.endswith(".yaml"))
    return [thing for text in texts for thing in yaml.safe_load_all(text) if thing]


def the(kind: str, things: list[dict[str, Any]]) -> dict[str, Any]:
    [found] = [thing for thing in things if thing["kind"] == kind]
    return found


def pods(things: list[dict[str, Any]]) -> Iterator[dict[str, Any]]:
    """The specs of all pods."""
    for thing in things:
        spec = thing.get("spec", {})
        spec = spec.get("jobTemplate", {}).get("spec", spec)
        if "template" in spec:
            yield spec["template"]["spec"]


@pytest.mark.parametrize("way", WAYS)
def test_helm_finds_nothing_to_complain_of(way: str) -> None:
    """`helm lint --strict`; only an icon is missing."""
    found = helm.lint(CHART, WAYS[way], strict=True)
    assert [message["error"] for message in found["messages"]] == ["icon is recommended"]
    assert found["errors"] == []


@pytest.mark.parametrize("way", WAYS)
def test_every_object_is_one_of_kubernetes(way: str) -> None:
    """By the schemas of the oldest version that the package knows, and the newest: no field is misspelt."""
    versions = sorted(
        kubernetes_validate.utils.all_versions(), key=lambda one: tuple(map(int, one.split(".")))
    )
    things = rendered(WAYS[way])
    assert {"Deployment", "Service", "ServiceAccount"} <= {thing["kind"] for thing in things}
    for thing in things:
        if thing["apiVersion"] != "monitoring.coreos.com/v1":  # the Prometheus operator's own
            for version in (versions[0], versions[-1]):
                kubernetes_validate.validate(thing, version, strict=True)


def test_the_schemas_refuse_what_a_cluster_would() -> None:
    """A misspelt field is an error, so that valid objects say something."""
    thing = the("Deployment", rendered(KEY))
    thing["spec"]["template"]["spec"]["containers"][0]["readynessProbe"] = {}
    with pytest.raises(kubernetes_validate.ValidationError, match="readynessProbe"):
        kubernetes_validate.validate(thing, "1.34", strict=True)


@pytest.mark.parametrize("way", WAYS)
def test_nothing_runs_as_root(way: str) -> None:
    """The pod security standard "restricted", a root file system that is read only, and no token of the cluster."""
    found = list(pods(rendered(WAYS[way])))
    assert found
    for pod in found:
        assert pod["automountServiceAccountToken"] is False
        security = pod["securityContext"]
        assert (security["runAsNonRoot"], security["runAsUser"]) == (True, 1000)  # the Dockerfile's user
        assert security["seccompProfile"] == {"type": "RuntimeDefault"}
        for container in [*pod["containers"], *pod.get("initContainers", [])]:
            assert container["securityContext"] == {
                "allowPrivilegeEscalation": False,
                "readOnlyRootFilesystem": True,
                "capabilities": {"drop": ["ALL"]},
            }
            assert {"requests", "limits"} <= set(container["resources"])
    assert "--uid 1000" in (ROOT / "Dockerfile").read_text(encoding="utf-8")


def test_probes_ask_what_they_are_for() -> None:
    """Alive or not decides on a restart, ready or not on requests; a start may take minutes; a stop is waited for."""
    values = {**KEY, "stopSeconds": 90}
    pod = the("Deployment", rendered(values))["spec"]["template"]["spec"]
    [container] = pod["containers"]
    asked = {
        name: container[f"{name}Probe"]["httpGet"]["path"] for name in ("startup", "liveness", "readiness")
    }
    assert asked == {"startup": "/livez", "liveness": "/livez", "readiness": "/readyz"}
    assert container["startupProbe"]["periodSeconds"] * container["startupProbe"]["failureThreshold"] == 300
    assert pod["terminationGracePeriodSeconds"] >= 5 + longest_stop(90)


def test_pods_multiply_by_what_waits() -> None:
    """The autoscaler reads the service's own gauge, and the Deployment leaves the number to it."""
    things = rendered(EVERYTHING)
    scaler = the("HorizontalPodAutoscaler", things)["spec"]
    assert scaler["scaleTargetRef"]["name"] == the("Deployment", things)["metadata"]["name"]
    assert scaler["metrics"][0]["pods"] == {
        "metric": {"name": "vasari_queue_depth"},
        "target": {"type": "AverageValue", "averageValue": "8"},
    }
    assert "replicas" not in the("Deployment", things)["spec"]
    [rule] = yaml.safe_load((CHART / "files" / "prometheus-adapter.yml").read_text(encoding="utf-8"))
    assert rule["name"]["as"] == "vasari_queue_depth"


def test_the_network_is_open_for_what_is_named() -> None:
    """In: the port of the service. Out: names, and the database, vectors and traces where they are given."""
    ports = [rule["ports"] for rule in the("NetworkPolicy", rendered(EVERYTHING))["spec"]["egress"]]
    assert [port["port"] for rule in ports for port in rule] == [53, 53, 5432, 19530, 4318, 443]
    least = the("NetworkPolicy", rendered(KEY))["spec"]
    assert [port["port"] for rule in least["egress"] for port in rule["ports"]] == [53, 53]
    assert least["ingress"] == [
        {"ports": [{"protocol": "TCP", "port": "http"}], "from": [{"podSelector": {}}]}
    ]
    assert least["policyTypes"] == ["Ingress", "Egress"]


def test_secrets_are_named_and_not_held() -> None:
    """Neither the database's URL nor a key is in any object."""
    things = rendered(EVERYTHING)
    assert not any(thing["kind"] == "Secret" for thing in things)
    [container] = the("Deployment", things)["spec"]["template"]["spec"]["containers"]
    environment = {one["name"]: one for one in container["env"]}
    assert environment["VASARI_DATABASE_URL"]["valueFrom"]["secretKeyRef"] == {
        "name": "vasari-database",
        "key": "url",
    }
    assert environment["VASARI_VECTORS"]["value"] == "milvus+http://milvus:19530"


def test_an_indexer_has_a_gpu_where_it_is_asked_for() -> None:
    """A CronJob with a schedule, which never runs twice at once; else a Job of the release, new at each upgrade."""
    things = rendered(EVERYTHING)
    cron = the("CronJob", things)["spec"]
    assert (cron["schedule"], cron["concurrencyPolicy"]) == ("17 3 * * *", "Forbid")
    [container] = cron["jobTemplate"]["spec"]["template"]["spec"]["containers"]
    assert container["image"].endswith(f":{__version__}-cuda")
    assert container["resources"]["limits"] == {"memory": "16Gi", "nvidia.com/gpu": 1}
    assert container["args"] == ["index", "/pictures", "--model=balanced", "--device=cuda", "--read"]
    job = the("Job", rendered(WAYS["once"]))
    assert job["metadata"]["name"] == "vasari-indexer-1"
    [container] = job["spec"]["template"]["spec"]["containers"]
    assert (container["args"], container["image"].endswith("cuda")) == (["index", "/pictures"], False)


WRONG: dict[str, tuple[dict[str, Any], str]] = {
    "no key": ({}, "key.existingSecret"),
    "two pods over SQLite": ({**KEY, "replicas": 2}, "several pods need PostgreSQL"),
    "two pods over one node's disk": ({**SHARED, "replicas": 2, "library": {}}, "that all of them mount"),
    "a scaler over SQLite": ({**KEY, "autoscaling": {"enabled": True}}, "several pods need PostgreSQL"),
    "readers that write": ({"readOnly": True, "indexer": {"enabled": True}}, "an indexer writes"),
    "a scaler upside down": (
        {**SHARED, "autoscaling": {"enabled": True, "minReplicas": 9}},
        "less than minReplicas",
    ),
    "a misspelt value": ({**KEY, "replica": 2}, "replica"),
    "a misspelt value below": ({**KEY, "library": {"sise": "1Gi"}}, "sise"),
    "a wrong type": ({**KEY, "replicas": "two"}, "replicas"),
    "a misspelt setting": ({**KEY, "settings": {"RATE-X": 1}}, "RATE-X"),
}


@pytest.mark.parametrize("what", WRONG)
def test_what_no_cluster_could_run_is_refused_in_words(what: str) -> None:
    """Before anything is made, with the value that is wrong."""
    values, told = WRONG[what]
    with pytest.raises(helm.HelmError, match=re.escape(told)):
        rendered(values)


def test_the_chart_is_of_this_version() -> None:
    """Chart, image and code have one version."""
    with helm.Chart.load(CHART) as chart:
        assert (chart.metadata["version"], chart.metadata["appVersion"]) == (__version__, __version__)


def test_its_commands_run(run: Run, tmp_path: Path) -> None:
    """The init container's words enter the first key, as often as a pod starts; those of the service serve."""
    values = {**KEY, "settings": {"preload": "none", "idle_seconds": 60}}
    pod = the("Deployment", rendered(values))["spec"]["template"]["spec"]
    (tmp_path / "key").write_text("vasari_" + "ab" * 32)
    [first] = pod["initContainers"]
    words = [word.replace("/keys/", f"{tmp_path}/") for word in first["args"]]
    for _ in range(2):
        code, out, err = run(*words)
        assert (code, out) == (0, ""), err
    with GreyLibrary.open(tmp_path / "library") as library:
        [key] = library.catalog.keys.all()
        assert (key.name, list(key.scopes)) == ("vasari", ["search", "write", "admin"])
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    [container] = pod["containers"]
    settings = {one["name"]: one["value"] for one in container["env"] if one["name"].startswith("VASARI_")}
    environment = (
        os.environ | settings | {"VASARI_LIBRARY": str(tmp_path / "library"), "VASARI_PORT": str(port)}
    )
    served = subprocess.Popen(
        [VASARI, *container["args"]], env=environment, stderr=subprocess.PIPE, text=True
    )
    assert served.stderr is not None
    try:
        for line in served.stderr:
            if "startup complete" in line:
                break
        assert served.poll() is None
    finally:
        served.terminate()
        served.stderr.close()
        served.wait()


def test_the_commands_of_the_guide_are_taken() -> None:
    """What docs/operations.md types after `helm install` and `helm upgrade` is a release that Kubernetes takes."""
    guide = (ROOT / "docs" / "operations.md").read_text(encoding="utf-8").replace("\\\n", " ")
    typed = re.findall(r"^helm (?:install|upgrade) (\S+) deploy/helm/vasari (.*)$", guide, re.MULTILINE)
    assert len(typed) >= 2
    for name, options in typed:
        words = shlex.split(options)
        assert set(words[::2]) <= {"--set", "--set-json"}
        values: dict[str, Any] = {}
        for option, word in zip(words[::2], words[1::2], strict=True):
            parse = helm.parse_set_string if option == "--set" else helm.parse_set_json
            values = merged(values, parse(word))
        for thing in rendered(values, name):
            if thing["apiVersion"] != "monitoring.coreos.com/v1":
                kubernetes_validate.validate(thing, kubernetes_validate.latest_version(), strict=True)


def merged(one: dict[str, Any], other: dict[str, Any]) -> dict[str, Any]:
    """Values laid over each other, as Helm does."""
    both = {
        name: merged(one[name], other[name])
        for name in one.keys() & other.keys()
        if isinstance(one[name], dict)
    }
    return {**one, **other, **both}
