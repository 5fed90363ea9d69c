"""Many browsers that ask once a second, in a process of their own: a plan on stdin, latencies on stdout."""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
import time
from contextlib import suppress
from dataclasses import asdict, dataclass, field
from statistics import quantiles
from typing import Any, Final
from urllib.parse import urlsplit

TICK_S: Final = 1.0
"""Time between two questions of a browser [s]."""
LEFT_OUT_S: Final = 3.0
"""What is asked before, while everyone opens a connection and gets the whole page, does not count [s]."""
OK: Final = 200
NINETEEN_IN_TWENTY: Final = 20


@dataclass(frozen=True, slots=True)
class Plan:
    """Who asks what."""

    url: str
    path: str
    clients: int
    seconds: float
    body: dict[str, Any] | None = None
    """What a browser posts; None: it only gets."""
    headers: dict[str, str] = field(default_factory=dict)


def p95(values: list[float]) -> float:
    """Nineteen in twenty are not larger."""
    return quantiles(values, n=NINETEEN_IN_TWENTY)[-1] if len(values) > 1 else values[0]


def asked(body: dict[str, Any], count: int, seen: Any) -> dict[str, Any]:
    """A poll's body with a browser's own count of ticks, and with what it has seen."""
    inputs = [
        {**one, "value": count} if one["id"] == "tick" else one for one in body["inputs"] if one is not None
    ]
    state = [{**one, "value": seen} if one["id"] == "seen" and seen else one for one in body["state"]]
    return {**body, "inputs": inputs, "state": state}


def told(answer: bytes, before: Any) -> Any:
    """What a browser has seen after an answer to its poll."""
    response = json.loads(answer).get("response", {})
    return response.get("seen", {}).get("data", before)


class Client:
    """One browser's connection, which it keeps."""

    def __init__(self, plan: Plan) -> None:
        self._plan, self._seen = plan, None
        address = urlsplit(plan.url)
        self._host, self._port = str(address.hostname), int(address.port or 80)
        self._streams: tuple[asyncio.StreamReader, asyncio.StreamWriter] | None = None
        self.bytes = 0
        """Of all answers' bodies."""

    async def ask(self, count: int) -> None:
        """One question and its answer; a connection that the server has closed meanwhile is opened anew."""
        try:
            body = await self._exchange(self._request(count))
        except (ConnectionError, asyncio.IncompleteReadError):
            await self.close()
            body = await self._exchange(self._request(count))
        self.bytes += len(body)
        if self._plan.body is not None:
            self._seen = told(body, self._seen)

    async def close(self) -> None:
        """Give the connection back."""
        if self._streams:
            self._streams[1].close()
            with suppress(ConnectionError):
                await self._streams[1].wait_closed()
            self._streams = None

    def _request(self, count: int) -> bytes:
        plan = self._plan
        body = b"" if plan.body is None else json.dumps(asked(plan.body, count, self._seen)).encode()
        lines = [
            f"{'GET' if plan.body is None else 'POST'} {plan.path} HTTP/1.1",
            f"Host: {self._host}:{self._port}",
        ]
        lines += [f"{name}: {value}" for name, value in plan.headers.items()]
        lines += [f"Content-Length: {len(body)}"] if body else []
        return "\r\n".join([*lines, "", ""]).encode() + body

    async def _exchange(self, request: bytes) -> bytes:
        if self._streams is None:
            self._streams = await asyncio.open_connection(self._host, self._port)
        reader, writer = self._streams
        writer.write(request)
        head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")
        status = int(head[0].split(" ")[1])
        named = {name.lower(): value for name, _, value in (line.partition(": ") for line in head[1:])}
        body = await reader.readexactly(int(named.get("content-length", "0")))
        if status != OK:
            raise RuntimeError(f"{self._plan.path} is answered with {status}: {body[:80].decode('latin-1')}")
        return body


async def one(plan: Plan, number: int, begin: float) -> tuple[list[float], int]:
    """A browser's latencies from the moment it wanted to ask [ms], and the bytes it got."""
    client, took = Client(plan), []
    try:
        for count in range(int(plan.seconds / TICK_S)):
            wanted = begin + TICK_S * (count + number / plan.clients)
            await asyncio.sleep(max(0.0, wanted - time.perf_counter()))
            await client.ask(count)
            if wanted - begin >= LEFT_OUT_S:
                took.append(1000.0 * (time.perf_counter() - wanted))
    finally:
        await client.close()
    return took, client.bytes


async def all_of(plan: Plan) -> dict[str, Any]:
    """Everybody at the same time, evenly over the second."""
    begin = time.perf_counter() + TICK_S / 2
    found = await asyncio.gather(*(one(plan, number, begin) for number in range(plan.clients)))
    return {"ms": [ms for took, _ in found for ms in took], "bytes": sum(of for _, of in found)}


def run(plan: Plan) -> dict[str, Any]:
    """The same, from another process.

    Raises:
        RuntimeError: somebody was not answered.
    """
    done = subprocess.run(
        [sys.executable, __file__],
        input=json.dumps(asdict(plan)),
        check=False,
        capture_output=True,
        text=True,
    )
    if done.returncode:
        raise RuntimeError((done.stderr.strip() or "no word").splitlines()[-1])
    return dict(json.loads(done.stdout))


if __name__ == "__main__":
    sys.stdout.write(json.dumps(asyncio.run(all_of(Plan(**json.load(sys.stdin))))))
