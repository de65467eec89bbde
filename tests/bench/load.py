"""Load for a server: ready requests over a few connections that stay open, from a process of its own.

    python tests/bench/load.py

Reads jobs from standard input (pickles) and answers each with the number of responses, the seconds they took, and
how many were not 200. It parses no more of a response than its length, so that it is never what is being measured.
"""

from __future__ import annotations

import asyncio
import pickle
import sys
import time
from itertools import cycle
from typing import NamedTuple, cast

import uvloop


class Job(NamedTuple):
    """Requests to send in turn to a port of this machine for so many seconds, over so many connections."""

    port: int
    requests: list[bytes]
    seconds: float
    connections: int


class Outcome(NamedTuple):
    """What came of a job."""

    responses: int
    seconds: float
    failures: int


class Client(asyncio.Protocol):
    """One connection: the next request goes out when the response to the last one is complete."""

    def __init__(self, requests: list[bytes], start: int, until: float, over: asyncio.Future[None]) -> None:
        self.requests = cycle(requests[start:] + requests[:start])
        self.until, self.over = until, over
        self.responses = self.failures = 0
        self.left, self.held = 0, b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast(asyncio.Transport, transport)
        self.transport.write(next(self.requests))

    def data_received(self, data: bytes) -> None:
        if self.left:
            self.left -= len(data)
        else:
            self.held += data
            head = self.held.find(b"\r\n\r\n")
            if head < 0:
                return
            mark = self.held.lower().index(b"content-length:", 0, head)
            length = int(self.held[mark + 15 : self.held.index(b"\r", mark)])
            self.failures += not self.held.startswith(b"HTTP/1.1 200")
            self.left = head + 4 + length - len(self.held)
            self.held = b""
        if self.left:
            return
        self.responses += 1
        if time.perf_counter() < self.until:
            self.transport.write(next(self.requests))
        else:
            self.transport.close()

    def connection_lost(self, error: Exception | None) -> None:
        if not self.over.done():
            self.over.set_result(None)


def stay_awake(loop: asyncio.AbstractEventLoop, until: float) -> None:
    """Keep the loop from sleeping: waking it would cost the server, and the slower side of a ratio would pay more."""
    if time.perf_counter() < until:
        loop.call_soon(stay_awake, loop, until)


async def run(job: Job) -> Outcome:
    """Send the requests and count the responses."""
    loop = asyncio.get_running_loop()
    start = time.perf_counter()
    stay_awake(loop, start + job.seconds)
    clients = []
    for number in range(job.connections):
        at = number * len(job.requests) // job.connections
        clients.append(Client(job.requests, at, start + job.seconds, loop.create_future()))
        await loop.create_connection(lambda client=clients[-1]: client, "127.0.0.1", job.port)  # type: ignore[misc]
    await asyncio.gather(*(client.over for client in clients))
    seconds = time.perf_counter() - start
    return Outcome(sum(client.responses for client in clients), seconds, sum(client.failures for client in clients))


def main() -> None:
    while True:
        try:
            job = pickle.load(sys.stdin.buffer)
        except EOFError:
            return
        pickle.dump(tuple(uvloop.run(run(Job(*job)))), sys.stdout.buffer)
        sys.stdout.flush()


if __name__ == "__main__":
    main()
