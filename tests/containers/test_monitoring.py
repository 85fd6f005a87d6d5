"""The alert file and the dashboard: Prometheus' own grammar reads them, and they ask for figures that there are."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import promql_parser
import pytest
import yaml

from vasari.api.service.runtime.metrics import Metrics

ROOT = Path(__file__).parents[2]
FILES = ROOT / "deploy" / "helm" / "vasari" / "files"
ALERTS = yaml.safe_load((FILES / "alerts.yml").read_text(encoding="utf-8"))["groups"][0]["rules"]
DASHBOARD: dict[str, Any] = json.loads((FILES / "dashboards" / "vasari.json").read_text(encoding="utf-8"))
GOLDEN = {"latency", "traffic", "errors", "saturation"}


def series() -> dict[str, set[str]]:
    """Names that /metrics has, with their labels."""
    metrics = Metrics()
    metrics.request("GET", "/livez", 200, 0.1)
    metrics.stages({"embed": 1.0})
    metrics.batch("text", 1, 0.1)
    metrics.cache.labels("hit").inc()
    metrics.queue_depth.labels("threads").set(1)
    metrics.index_rows.labels("a", "image").set(1)
    metrics.index_generation.labels("a", "image").set(1)
    found: dict[str, set[str]] = {"up": {"job"}}
    for line in metrics.text().decode().splitlines():
        if line and not line.startswith("#"):
            name, labels = re.fullmatch(r"(\w+)(?:\{(.*)\})? \S+", line).groups()  # type: ignore[union-attr]
            found.setdefault(name, set()).update(re.findall(r"(\w+)=", labels or ""))
    return found


def expressions() -> Iterator[str]:
    yield from (alert["expr"] for alert in ALERTS)
    yield from (target["expr"] for panel in DASHBOARD["panels"] for target in panel["targets"])


@pytest.mark.parametrize("expression", list(expressions()))
def test_every_expression_asks_for_figures_that_there_are(expression: str) -> None:
    """Names and labels are those of /metrics; the grammar is Prometheus'."""
    promql_parser.parse(expression)
    known = series()
    selectors = re.findall(r"\b(vasari_\w+|up)\b(?:\{([^}]*)\})?", expression)
    assert selectors
    for name, matchers in selectors:
        assert set(re.findall(r"(\w+)[!=]~?\"", matchers)) <= known[name], name


def test_the_four_golden_signals_are_shown_and_alarmed() -> None:
    """Latency, traffic, errors and saturation each have an alert, and a panel at the top of the dashboard."""
    assert {alert["labels"]["signal"] for alert in ALERTS} == GOLDEN
    for alert in ALERTS:
        assert set(alert) == {"alert", "expr", "for", "labels", "annotations"}
        assert set(alert["annotations"]) == {"summary", "description"}
        assert alert["labels"]["severity"] in ("info", "warning", "critical")
    top = [panel["title"] for panel in DASHBOARD["panels"] if panel["gridPos"]["y"] < 16]
    assert {word for word in GOLDEN if any(word in title.lower() for title in top)} == GOLDEN
    assert len(top) == 4


def test_the_stack_of_compose_reads_these_files() -> None:
    """Prometheus evaluates the alerts, Grafana shows the dashboard."""
    compose = yaml.safe_load((ROOT / "docker-compose.yml").read_text(encoding="utf-8"))["services"]
    mounted = dict(
        volume.split(":")[:2] for name in ("prometheus", "grafana") for volume in compose[name]["volumes"]
    )
    rules = yaml.safe_load((ROOT / "deploy" / "prometheus.yml").read_text(encoding="utf-8"))["rule_files"]
    assert rules == [mounted["./deploy/helm/vasari/files/alerts.yml"]]
    provider = yaml.safe_load(
        (ROOT / "deploy/grafana/provisioning/dashboards/vasari.yml").read_text(encoding="utf-8")
    )["providers"][0]
    assert provider["options"]["path"] == mounted["./deploy/helm/vasari/files/dashboards"]
