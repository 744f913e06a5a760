"""The dashboard and the alerts ask for what there is."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import promql_parser
import pytest
import yaml

from tests.integration.watching.conftest import RUNNING
from tests.integration.watching.deployment import Deployment, Scrape

ROOT = Path(__file__).parent.parent.parent.parent
FOLDER = ROOT / "k8s" / "monitoring"
DASHBOARD: dict[str, Any] = json.loads((FOLDER / "dashboard.json").read_text())
PANELS = [panel for panel in DASHBOARD["panels"] if panel["type"] != "row"]
RULES: list[dict[str, Any]] = [
    rule for group in yaml.safe_load((FOLDER / "alerts.yaml").read_text())["groups"] for rule in group["rules"]
]
OF_THE_TARGET = {"job", "instance"}
"""Labels that Prometheus adds to whatever it scrapes."""


def _expressions() -> list[str]:
    of_panels = [target["expr"].replace("$__rate_interval", "5m") for panel in PANELS for target in panel["targets"]]
    return [*of_panels, *(rule["expr"] for rule in RULES)]


def _metrics(text: str) -> Iterator[tuple[str, set[str]]]:
    """The metrics of an expression, each with the labels that are asked of it. Raises for what is not PromQL."""
    found: list[tuple[str, set[str]]] = []

    def visit(node: Any) -> bool:
        if isinstance(node, promql_parser.VectorSelector):
            found.append((str(node.name), {matcher.name for matcher in node.matchers.matchers}))
        return True

    promql_parser.walk(promql_parser.parse(text), visit)
    return iter(found)


def _groupings(text: str) -> set[str]:
    """All labels by which an expression groups or joins."""
    lists = re.findall(r"\b(?:by|on|group_left)\s*\(([^)]*)\)", text)
    return {name.strip() for names in lists for name in names.split(",") if name.strip()}


@pytest.fixture
async def exposed(deployment: Deployment) -> dict[str, set[str]]:
    """Every metric that some service shows, with the names of its labels."""
    labels: dict[str, set[str]] = {}
    for name in RUNNING:
        shown: Scrape = await deployment.scrape(name)
        for metric, has in shown.samples:
            labels.setdefault(metric, set()).update(label for label, _ in has)
    return labels


@pytest.mark.parametrize("expression", _expressions())
async def test_what_is_asked_for_is_there(expression: str, exposed: dict[str, set[str]]) -> None:
    asked = list(_metrics(expression))
    assert asked
    for metric, labels in asked:
        assert metric in exposed
        assert labels <= exposed[metric], metric
    known = set().union(*(exposed[metric] for metric, _ in asked))
    assert _groupings(expression) <= known | OF_THE_TARGET


async def test_everything_of_ours_is_on_the_dashboard(exposed: dict[str, set[str]]) -> None:
    asked = {metric for text in _expressions() for metric, _ in _metrics(text)}
    derived = re.compile(r"_(sum|count|bucket)$")
    ours = {derived.sub("", metric) for metric in exposed if metric.startswith("starling_")}
    assert ours - {derived.sub("", metric) for metric in asked} == set()


async def test_the_readme_names_every_metric_and_no_other(exposed: dict[str, set[str]]) -> None:
    section = (ROOT / "README.md").read_text().split("## Watching it")[1].split("\n## ")[0]
    named = set(re.findall(r"`((?:starling|process)_[a-z_]+)", section))
    families = {re.sub(r"_(sum|count|bucket)$", "", metric) for metric in exposed}
    assert {name for name in named if name not in families} == set()
    assert {name for name in families if name.startswith("starling_")} - named == set()


def test_the_dashboard_is_whole() -> None:
    ids = [panel["id"] for panel in DASHBOARD["panels"]]
    assert len(set(ids)) == len(ids)
    assert DASHBOARD["schemaVersion"] >= 39
    (source,) = DASHBOARD["templating"]["list"]
    for panel in PANELS:
        assert panel["title"], panel
        assert panel["description"], panel["title"]
        assert panel["datasource"]["uid"] == f"${{{source['name']}}}"


def test_panels_do_not_lie_on_each_other() -> None:
    taken: dict[tuple[int, int], str] = {}
    for panel in DASHBOARD["panels"]:
        place = panel["gridPos"]
        assert place["x"] + place["w"] <= 24
        for cell in ((x, y) for x in range(place["w"]) for y in range(place["h"])):
            spot = (place["x"] + cell[0], place["y"] + cell[1])
            assert taken.setdefault(spot, panel["title"]) == panel["title"]


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule["alert"])
def test_an_alert_says_what_to_do(rule: dict[str, Any]) -> None:
    assert rule.keys() <= {"alert", "expr", "for", "labels", "annotations"}
    assert re.fullmatch(r"Starling[A-Za-z]+", rule["alert"])
    assert rule["labels"]["severity"] in ("warning", "critical")
    assert re.fullmatch(r"\d+[smh]", rule.get("for", "0s"))
    assert re.search(
        r"\b(Start|Look|Add|Read|Raise|Report|Ask)\b|\blook at\b|\brestart\b", rule["annotations"]["summary"]
    )


def test_alerts_have_names_of_their_own() -> None:
    names = [rule["alert"] for rule in RULES]
    assert len(set(names)) == len(names)
