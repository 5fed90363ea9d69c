"""The text format and the table of metrics, against a real HTTP server; and the way to the database."""

from __future__ import annotations

import threading
from contextlib import contextmanager
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any

import pytest
from tests_of_ingest import wait_until

from core.clock import SystemClock
from core.errors import InputError, ServiceError
from ingest.sources import polling
from ingest.sources.prometheus import RULES, Endpoint, parse, samples

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from contextlib import AbstractContextManager

    from core import db
    from core.jobs import Context

NOW = datetime(2026, 3, 2, 12, 0, tzinfo=UTC)
GPU = 'gpu="0",UUID="GPU-A0B1C2D0-1234",device="nvidia0",modelName="NVIDIA H100 80GB HBM3",Hostname="n1"'
DCGM = f"""# HELP DCGM_FI_DEV_POWER_USAGE Power draw (in W).
# TYPE DCGM_FI_DEV_POWER_USAGE gauge
DCGM_FI_DEV_POWER_USAGE{{{GPU}}} 300.5
DCGM_FI_DEV_TOTAL_ENERGY_CONSUMPTION{{{GPU}}} 9876543210
DCGM_FI_DEV_GPU_TEMP{{{GPU}}} 64
DCGM_FI_DEV_GPU_UTIL{{{GPU}}} 87
DCGM_FI_DEV_FB_USED{{{GPU}}} 3072
DCGM_FI_DEV_SM_CLOCK{{{GPU}}} 1530
DCGM_FI_DEV_XID_ERRORS{{{GPU}}} 0
"""
VLLM = """vllm:prompt_tokens_total{engine="0",model_name="meta-llama/Llama-3.1-8B"} 1.5e+06
vllm:generation_tokens_total{engine="0",model_name="meta-llama/Llama-3.1-8B"} 250000.0 1767355200000
vllm:generation_tokens_total{engine="1",model_name="meta-llama/Llama-3.1-8B"} 50000.0
vllm:num_requests_running{engine="0",model_name="meta-llama/Llama-3.1-8B"} 12.0
"""


@contextmanager
def answering(text: bytes, status: int = 200) -> Iterator[str]:
    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(status)
            self.end_headers()
            self.wfile.write(text)

        def log_message(self, *_: Any) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}/metrics"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def test_dcgm_metrics_become_points_in_canonical_units() -> None:
    (found,) = samples(DCGM)
    assert found.asset == "gpu-a0b1c2d0", "the same asset as NVML's source gives"
    assert found.values == pytest.approx(
        {
            "gpu_power": 300.5,
            "energy": 9876543.21,
            "gpu_temperature": 64.0,
            "utilisation": 0.87,
            "gpu_memory_used": 3.0 * 2**30,
            "gpu_clock": 1.53e9,
        }
    )


def test_a_mig_instance_has_its_memory_and_its_gpu_the_power_once() -> None:
    first, second = (GPU + f',GPU_I_PROFILE="1g.10gb",GPU_I_ID="{number}"' for number in (7, 8))
    text = "".join(
        f"DCGM_FI_DEV_POWER_USAGE{{{labels}}} 300.5\nDCGM_FI_DEV_FB_USED{{{labels}}} {1024 * number}\n"
        for number, labels in enumerate((first, second), start=1)
    )
    assert {s.asset: s.values for s in samples(text)} == {
        "gpu-a0b1c2d0": {"gpu_power": 300.5},
        "gpu-a0b1c2d0-mig-7": {"gpu_memory_used": 2.0**30},
        "gpu-a0b1c2d0-mig-8": {"gpu_memory_used": 2.0**31},
    }


def test_tokens_of_all_engines_of_a_model_add_up() -> None:
    (found,) = samples(VLLM)
    assert found.asset == "llm-meta-llama-llama-3-1-8b"
    assert found.values == {"prompt_tokens": 1.5e6, "generation_tokens": 3e5, "active_tasks": 12.0}
    assert [s.asset for s in samples(VLLM, "chat")] == ["chat"]


@pytest.mark.parametrize(
    ("line", "name", "labels", "value"),
    [
        ("a 1", "a", {}, 1.0),
        ("a{} -2.5e3 17", "a", {}, -2500.0),
        ('a:b_c { x = "1" , y="2", } 3', "a:b_c", {"x": "1", "y": "2"}, 3.0),
        (r'a{x="q\"}\\n\n"} 3', "a", {"x": 'q"}\\n\n'}, 3.0),
        ('a{x="with } and , in it"}\t4\r', "a", {"x": "with } and , in it"}, 4.0),
    ],
)
def test_one_line(line: str, name: str, labels: dict[str, str], value: float) -> None:
    assert [tuple(metric) for metric in parse(f"# {line}\n\n{line}\n")] == [(name, labels, value)]


@pytest.mark.parametrize(
    "line", ["a NaN", "a +Inf", "a x", 'a{x="1} 2', "{} 1", "1a 2", "a", "a 1 2 3", "\0"]
)
def test_a_line_that_is_no_sample_costs_the_others_nothing(line: str) -> None:
    assert [metric.name for metric in parse(f"before 1\n{line}\nafter 2\n")] == ["before", "after"]


def test_an_endpoint_that_does_not_answer_is_said_once_and_asked_again() -> None:
    with answering(b"no\n", 503) as url, pytest.raises(ServiceError, match="503"):
        Endpoint(url).poll(NOW)
    with answering(b"other_metric 1\n\xff\xfe\n") as url, pytest.raises(ServiceError, match="none of"):
        Endpoint(url).poll(NOW)
    with pytest.raises(ServiceError, match="does not answer"):
        Endpoint(url).poll(NOW)


@pytest.mark.parametrize(
    "url", ["", "node:9400", "ftp://node/x", "http://", "http://[::1", "file:///etc/passwd"]
)
def test_an_address_that_is_none(url: str) -> None:
    with pytest.raises(InputError, match="http"):
        Endpoint(url)


def test_from_the_endpoint_to_the_database_with_a_pause_in_between(
    conn: db.Connection, broker_url: str, serving: Callable[..., AbstractContextManager[Context]]
) -> None:
    stop, rounds = threading.Event(), list[int]()

    def stored() -> dict[str, float]:
        rows = conn.execute("SELECT name, value FROM reading_named WHERE asset_id = 'gpu-a0b1c2d0'")
        return {row["name"]: row["value"] for row in rows}

    def said(found: list[Any]) -> None:
        rounds.append(len(found))
        if len(rounds) == 3:
            stop.set()

    with answering((DCGM + VLLM).encode()) as url, serving() as context:
        endpoint = Endpoint(url)

        def poll(now: datetime) -> list[polling.Sample]:
            if len(rounds) == 1:
                raise ServiceError("away")
            return endpoint.poll(now)

        count = polling.collect(poll, 0.01, broker_url, context.site, SystemClock(), stop, said)
        wait_until(lambda: len(stored()) == 6)
    assert (count, rounds) == (4, [2, 0, 2])
    assert stored()["energy"] == pytest.approx(9876543.21)


def test_the_interval_is_positive(broker_url: str, plant: Any) -> None:
    with pytest.raises(InputError, match="--interval"):
        polling.collect(lambda _: [], 0.0, broker_url, plant, SystemClock(), threading.Event())


def test_every_rule_is_of_a_point_and_its_unit() -> None:
    for rule in RULES.values():
        polling.canonical([(rule.point, 1.0, rule.unit)])
