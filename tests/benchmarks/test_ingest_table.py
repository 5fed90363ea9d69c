"""A row that cannot be measured says why and keeps nobody from the others; baselines are what they say."""

from __future__ import annotations

from ingest_raw import ASSETS, RAW_POINT, START, copy_packed, copy_rates, meters, packed
from sheet import AT_LEAST, AT_MOST, NotMeasured, Sheet, Target

from core import db

TARGETS = (
    Target("write", "direct", "writer / COPY", AT_LEAST, 0.9),
    Target("memory", "growth", "growth", AT_MOST, 100, as_ratio=False),
    Target("receive", "receive", "ours / theirs", AT_LEAST, 0.5),
    Target("extra", "extra", "for information"),
)


def test_what_fails_says_why_and_the_others_go_on() -> None:
    sheet = Sheet(TARGETS)
    with sheet.part("receive"):
        raise NotMeasured("no mosquitto_sub\non the path")
    with sheet.part("write"):
        sheet.found("direct", 80.0, 100.0)
    with sheet.part("memory"):
        sheet.found("growth", 100.0)
        raise ZeroDivisionError  # after its row was filled in
    assert [row["met"] for row in sheet.table()] == [
        "no",
        "yes",
        "not measured: no mosquitto_sub",
        "not measured: left out",
    ]
    assert sheet.flat() == {
        "direct_must": ">= 0.9", "direct_ours": 80.0, "direct_baseline": 100.0,
        "direct_ratio": 0.8, "direct_met": False,
        "growth_must": "<= 100", "growth_ours": 100.0, "growth_baseline": None, "growth_met": True,
        "receive_must": ">= 0.5", "receive_ours": None, "receive_not_measured": "no mosquitto_sub",
        "extra_ours": None, "extra_not_measured": "left out",
    }  # fmt: skip


def test_a_median_of_ratios_goes_before_the_ratio_of_medians() -> None:
    sheet = Sheet(TARGETS)
    sheet.found("direct", 80.0, 100.0, ratio=0.95, note="3 rounds")
    assert sheet.table()[0] == {
        "what": "writer / COPY; 3 rounds", "ours": 80.0, "baseline": 100.0, "ratio or figure": 0.95,
        "must": ">= 0.9", "met": "yes",
    }  # fmt: skip


def test_baselines_store_the_same_readings_under_ids_of_their_own(dsn: str) -> None:
    columns = meters(0, 200)
    rates, cpu_s = copy_rates(dsn, columns)
    assert cpu_s > 0.0
    with db.connect(dsn, autocommit=True) as conn:
        copy_packed(conn, [packed(columns._replace(points=columns.points + 7 * RAW_POINT))])
        found = conn.execute(
            "SELECT point_id / 1000000 AS baseline, count(*) AS n, count(DISTINCT point_id) AS points,"
            " min(time) AS first, max(time) - min(time) AS span, sum(value) AS sum, max(status) AS status"
            " FROM reading GROUP BY 1 ORDER BY 1"
        ).fetchall()
    assert [row["baseline"] for row in found] == [1, 2, 3, 8]
    assert len(rates) == 3
    for row in found:
        assert (row["n"], row["points"], row["first"]) == (200 * ASSETS, ASSETS, START)
        assert (row["span"].total_seconds(), row["sum"], row["status"]) == (199.0, 300.0 * ASSETS, 0)
