"""The dashboard and the alerts ask for metrics that exist, and an outside judge accepts them."""

import json
import re
import shutil
import subprocess
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest
import yaml
from prometheus_client.metrics import MetricWrapperBase

from deploy.local import SERVICES
from shared import observability

ROOT = Path(__file__).parents[3]
DASHBOARD: dict[str, Any] = json.loads((ROOT / "deploy/grafana/dashboards/apportion.json").read_text(encoding="utf-8"))
ALERTS: dict[str, Any] = yaml.safe_load((ROOT / "deploy/prometheus/alerts.yml").read_text(encoding="utf-8"))
COMPOSE: dict[str, Any] = yaml.safe_load((ROOT / "docker-compose.yml").read_text(encoding="utf-8"))

EVERY_SERVICE = {
    "apportion_build_info": {"service", "version"},
    "apportion_stream_events_total": {"service", "topic"},
    "apportion_stream_batches_total": {"service", "topic"},
    "apportion_stream_batch_seconds": {"service", "topic"},
    "apportion_stream_lag_events": {"service", "topic", "partition"},
    "apportion_stream_last_poll_age_seconds": {"service", "topic"},
    "apportion_stream_stopped_partitions": {"service", "topic"},
    "apportion_outbox_records": {"service"},
    "apportion_outbox_oldest_age_seconds": {"service"},
    "apportion_dead_letters_open": {"service"},
}
ONE_SERVICE = {
    "apportion_intake_events_published_total": set[str](),
    "apportion_intake_held_deliveries": set[str](),
    "apportion_intake_deliveries_in_state": {"state"},
    "apportion_intake_newest_delivery_rows": {"source", "rows"},
    "apportion_intake_rejected_rows_total": {"code"},
    "apportion_intake_flags_total": {"code"},
    "apportion_intake_tags_normalised_rows_total": {"rules", "step"},
    "apportion_allocator_run_seconds": {"kind"},
    "apportion_allocator_allocated_amount": {"period", "currency"},
    "apportion_allocator_suspense_amount": {"period", "currency"},
    "apportion_allocator_cost_ratio": {"period", "currency", "kind"},
    "apportion_allocator_allocated_ratio": {"period", "currency"},
    "apportion_allocator_suspense_age_days": {"period", "currency"},
    "apportion_allocator_rules_unmatched": {"period"},
    "apportion_allocator_adjusted_amount": {"period", "currency"},
    "apportion_allocator_tagged_ratio": {"period", "currency", "tag"},
    "apportion_chargeback_invoiced_amount": {"period", "currency", "status"},
    "apportion_chargeback_documents": {"period", "currency", "status"},
    "apportion_ledger_unbalanced_groups": set[str](),
    "apportion_ledger_breaks": {"period", "code"},
    "apportion_ledger_period_state": {"period", "state"},
}
METRICS = EVERY_SERVICE | ONE_SERVICE


def expressions() -> Iterator[tuple[str, str]]:
    """Title and PromQL of all panels, variables and alerts."""
    for panel in DASHBOARD["panels"]:
        yield from ((panel["title"], target["expr"]) for target in panel.get("targets", []))
    for variable in DASHBOARD["templating"]["list"]:
        yield variable["name"], variable["definition"]
    for group in ALERTS["groups"]:
        yield from ((rule["alert"], rule["expr"]) for rule in group["rules"])


def base(name: str) -> str:
    """The metric of a histogram's series."""
    return re.sub(r"_(bucket|sum|count)$", "", name)


@pytest.mark.parametrize(("title", "expression"), list(expressions()))
def test_only_metrics_and_labels_that_exist_are_asked_for(title: str, expression: str) -> None:
    names = {base(name) for name in re.findall(r"\bapportion_\w+", expression)}
    assert names <= METRICS.keys()
    labels = set().union(*(METRICS[name] for name in names)) | {"le", "job"}
    grouped = re.findall(r"by \(([^)]*)\)", expression)
    asked = {label.strip() for labels in grouped for label in labels.split(",")}
    asked |= set(re.findall(r"(\w+)=~?\"", expression))
    assert asked <= labels


def test_every_metric_is_shown() -> None:
    shown = {base(name) for _, expression in expressions() for name in re.findall(r"\bapportion_\w+", expression)}
    assert shown == METRICS.keys()


def test_the_metrics_are_those_of_the_code() -> None:
    """Read from the modules' own metric objects, with their labels."""
    modules = [observability, *(import_module(f"services.{name}.metrics") for name in SERVICES)]
    known = [value for module in modules for value in vars(module).values() if isinstance(value, MetricWrapperBase)]
    names = {next(iter(metric.describe())).name: set(metric._labelnames) for metric in known}
    for name, labels in METRICS.items():
        stem = name.removesuffix("_total").removesuffix("_info")
        assert stem in names, name
        assert names[stem] == (labels if name != "apportion_build_info" else set())


def test_panels_have_their_own_ids_places_and_data_source() -> None:
    panels = DASHBOARD["panels"]
    assert len({panel["id"] for panel in panels}) == len(panels)
    cells = [
        (column, line)
        for panel in panels
        for column in range(panel["gridPos"]["x"], panel["gridPos"]["x"] + panel["gridPos"]["w"])
        for line in range(panel["gridPos"]["y"], panel["gridPos"]["y"] + panel["gridPos"]["h"])
    ]
    assert len(set(cells)) == len(cells), "panels overlap"
    assert all(0 <= column < 24 for column, _ in cells)
    source = yaml.safe_load((ROOT / "deploy/grafana/provisioning/datasources/prometheus.yml").read_text("utf-8"))
    uid = source["datasources"][0]["uid"]
    assert {panel["datasource"]["uid"] for panel in panels if panel["type"] != "row"} == {uid}


def test_grafana_finds_the_dashboard_where_it_is_mounted() -> None:
    grafana = COMPOSE["services"]["grafana"]
    provider = yaml.safe_load((ROOT / "deploy/grafana/provisioning/dashboards/apportion.yml").read_text("utf-8"))
    path = provider["providers"][0]["options"]["path"]
    assert f"./deploy/grafana/dashboards:{path}:ro" in grafana["volumes"]
    assert grafana["environment"]["GF_DASHBOARDS_DEFAULT_HOME_DASHBOARD_PATH"] == f"{path}/apportion.json"


def test_prometheus_asks_the_services_that_compose_starts() -> None:
    config = yaml.safe_load((ROOT / "deploy/prometheus/prometheus.yml").read_text("utf-8"))
    discovery = config["scrape_configs"][0]["dns_sd_configs"][0]
    assert set(discovery["names"]) == {"intake", "allocator", "chargeback", "ledger"} <= COMPOSE["services"].keys()
    for name in discovery["names"]:
        assert COMPOSE["services"][name]["ports"][0].endswith(f":{discovery['port']}")


def test_every_alert_says_what_to_do() -> None:
    for group in ALERTS["groups"]:
        for rule in group["rules"]:
            assert rule["labels"]["severity"] in {"page", "ticket"}
            assert rule["annotations"].keys() == {"summary", "action"}


@pytest.mark.parametrize(
    "arguments", [("check", "config", "prometheus.yml"), ("test", "rules", "alerts.test.yml")], ids=" ".join
)
def test_promtool_accepts(arguments: tuple[str, str, str]) -> None:
    promtool = shutil.which("promtool")
    if promtool is None:
        pytest.skip("promtool is not installed (Debian package: prometheus)")
    result = subprocess.run(
        [promtool, *arguments], cwd=ROOT / "deploy/prometheus", capture_output=True, text=True, check=False
    )
    assert result.returncode == 0, result.stdout + result.stderr


def test_promtool_can_read_the_expressions_of_every_panel(tmp_path: Path) -> None:
    promtool = shutil.which("promtool")
    if promtool is None:
        pytest.skip("promtool is not installed (Debian package: prometheus)")
    asked = [target["expr"] for panel in DASHBOARD["panels"] for target in panel.get("targets", [])]
    rules = [
        {"record": f"panel:{number}", "expr": expression.replace("$__rate_interval", "5m")}
        for number, expression in enumerate(asked)
    ]
    file = tmp_path / "panels.yml"
    file.write_text(yaml.safe_dump({"groups": [{"name": "panels", "rules": rules}]}), encoding="utf-8")
    result = subprocess.run([promtool, "check", "rules", file], capture_output=True, text=True, check=False)
    assert result.returncode == 0, result.stdout + result.stderr
