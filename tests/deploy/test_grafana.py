"""The dashboard asks for metrics that the bot has."""

from __future__ import annotations

import json
import re
from pathlib import Path

from bot.app import App
from config.schema import Config

DASHBOARD = Path(__file__).parents[2] / "deploy" / "grafana.json"


async def test_every_metric_of_the_dashboard_is_one_of_the_bots(tmp_path: Path) -> None:
    app = App(Config(data=tmp_path))
    known = {"process_resident_memory_bytes"}
    for family in app.health.registry.collect():
        suffixes = {"counter": ["_total"], "histogram": ["_bucket", "_sum", "_count"]}.get(family.type, [""])
        known |= {family.name + suffix for suffix in suffixes}
    dashboard = json.loads(DASHBOARD.read_text())
    asked = {
        name
        for panel in dashboard["panels"]
        for target in panel["targets"]
        for name in re.findall(r"\b(?:dreambot|process)_[a-z_]+", target["expr"])
    }
    assert asked <= known
    assert {name for name in known if name.startswith("dreambot_jobs")} <= asked | {
        "dreambot_jobs_taken_over_total",
        "dreambot_jobs_moved_total",
    }
