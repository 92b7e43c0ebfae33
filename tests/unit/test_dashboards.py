"""The dashboard and the alert rules ask for what `/metrics` has, and each alert has a page that says what to do."""

import json
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import promql_parser as promql
import pytest
import yaml
from prometheus_client.metrics import MetricWrapperBase

from bot.domain.sessions import SessionStatus
from bot.ports.storage.records import InboxOutcome
from bot.telemetry import new_metrics

ROOT = Path(__file__).parents[2]
DASHBOARD = json.loads((ROOT / "deploy/grafana/avatarbot.json").read_text())
RULES = [
    rule
    for group in yaml.safe_load((ROOT / "deploy/prometheus/alerts.yaml").read_text())["groups"]
    for rule in group["rules"]
]
RUNBOOKS = ROOT / "docs/runbooks"
HEADINGS = ["What it means", "What people feel", "What to look at", "What to do"]

FROM_PROMETHEUS = {"job", "instance"}
"""Labels that it adds itself."""

VALUES: Mapping[tuple[str, str], set[str]] = {
    ("avatarbot_turns_total", "outcome"): set(InboxOutcome),
    ("avatarbot_sessions", "status"): set(SessionStatus),
    ("avatarbot_provider_calls_total", "outcome"): {"ok"},
    ("up", "job"): {"avatarbot"},
    ("process_cpu_seconds_total", "job"): {"avatarbot"},
    ("process_resident_memory_bytes", "job"): {"avatarbot"},
}


def exposed() -> Mapping[str, set[str]]:
    """The labels of each series that `/metrics` can have, and of `up`, which Prometheus writes itself."""
    metrics = new_metrics()
    labels = {name: set(each._labelnames) for name, each in _own(metrics)}
    series = {"up": set(FROM_PROMETHEUS)}
    for family in metrics.registry.collect():
        own = labels.get(family.name, set()) | FROM_PROMETHEUS
        match family.type:
            case "histogram":
                series |= {
                    f"{family.name}_bucket": own | {"le"},
                    f"{family.name}_sum": own,
                    f"{family.name}_count": own,
                }
            case "counter":
                series[f"{family.name}_total"] = own
            case _:
                series[family.name] = own
    return series


def _own(metrics: Any) -> Iterator[tuple[str, MetricWrapperBase]]:
    for name in metrics.__slots__:
        metric = getattr(metrics, name)
        if isinstance(metric, MetricWrapperBase):
            yield metric._name, metric


SERIES = exposed()


def queries() -> Iterator[str]:
    yield from (rule["expr"] for rule in RULES)
    for panel in DASHBOARD["panels"]:
        yield from (target["expr"].replace("$__rate_interval", "5m") for target in panel["targets"])


def selectors(query: Any) -> Iterator[Any]:
    """Every `metric{label="value"}` in it."""
    if isinstance(query, promql.VectorSelector):
        yield query
    for name in ("lhs", "rhs", "expr", "vector_selector"):
        if part := getattr(query, name, None):
            yield from selectors(part)
    for part in getattr(query, "args", ()):
        yield from selectors(part)


def groupings(query: Any) -> Iterator[tuple[Any, list[str]]]:
    """Every aggregation, and the labels that it keeps."""
    if isinstance(query, promql.AggregateExpr) and query.modifier:
        yield query, query.modifier.labels
    for part in (*(getattr(query, name, None) for name in ("lhs", "rhs", "expr")), *getattr(query, "args", ())):
        if part:
            yield from groupings(part)


@pytest.mark.parametrize("query", sorted(set(queries())))
def test_a_query_asks_for_what_is_exposed(query: str) -> None:
    parsed = promql.parse(query)
    for selector in selectors(parsed):
        assert selector.name in SERIES
        for matcher in selector.matchers.matchers:
            assert matcher.name in SERIES[selector.name]
            assert set(matcher.value.split("|")) <= VALUES[selector.name, matcher.name]
    for aggregation, labels in groupings(parsed):
        for selector in selectors(aggregation):
            assert set(labels) <= SERIES[selector.name]


def test_the_dashboard_shows_every_metric_of_ours() -> None:
    shown = {selector.name for query in queries() for selector in selectors(promql.parse(query))}
    kept = {name for name in SERIES if not name.endswith(("_sum", "_count")) and name.startswith("avatarbot_")}
    assert kept - shown == set()


def test_a_panel_names_labels_that_its_query_keeps() -> None:
    for panel in DASHBOARD["panels"]:
        for target in panel["targets"]:
            kept = {
                label
                for _, labels in groupings(promql.parse(target["expr"].replace("$__rate_interval", "5m")))
                for label in labels
            }
            assert set(re.findall(r"{{(\w+)}}", target["legendFormat"])) <= kept | FROM_PROMETHEUS, panel["title"]


def test_panels_have_ids_and_places_of_their_own() -> None:
    panels = DASHBOARD["panels"]
    assert len({panel["id"] for panel in panels}) == len(panels)
    assert len({(panel["gridPos"]["x"], panel["gridPos"]["y"]) for panel in panels}) == len(panels)


@pytest.mark.parametrize("rule", RULES, ids=[rule["alert"] for rule in RULES])
def test_an_alert_has_a_page_that_helps(rule: Mapping[str, Any]) -> None:
    page = (ROOT / rule["annotations"]["runbook"]).read_text()
    assert page.startswith(f"# {rule['alert']}\n")
    assert re.findall("^## (.*)$", page, re.MULTILINE) == HEADINGS
    assert rule["labels"]["severity"] in {"critical", "warning", "info"}
    assert promql.parse_duration(rule["for"])


def test_a_page_belongs_to_an_alert() -> None:
    assert {f"docs/runbooks/{page.name}" for page in RUNBOOKS.iterdir()} == {
        rule["annotations"]["runbook"] for rule in RULES
    }


@pytest.mark.parametrize("page", sorted(RUNBOOKS.iterdir()), ids=lambda page: page.stem)
def test_what_a_page_asks_is_exposed(page: Path) -> None:
    for code in re.findall("`([^`]*)`", page.read_text()):
        names = re.findall(r"(?:avatarbot|process)_\w+", code)
        if "(" in code and names:
            promql.parse(code)
        assert set(names) <= SERIES.keys() | {name.removesuffix("_bucket") for name in SERIES}
