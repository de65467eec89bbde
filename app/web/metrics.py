"""Figures for monitoring, at /metrics in the format of Prometheus.

They are shown to whoever sends PRESCREEN_METRICS_TOKEN as a bearer token; where it is not set, there is no such
address. Each process counts its own requests: several processes are asked one by one (see docs/deployment.md).
"""

import hmac
from bisect import bisect_left
from collections.abc import Iterator
from importlib.metadata import PackageNotFoundError, version
from itertools import accumulate
from typing import Final

from fastapi import APIRouter
from prometheus_client import CollectorRegistry, ProcessCollector, generate_latest
from prometheus_client.core import (
    CounterMetricFamily,
    GaugeMetricFamily,
    HistogramMetricFamily,
    InfoMetricFamily,
    Metric,
)
from prometheus_client.exposition import CONTENT_TYPE_LATEST
from prometheus_client.registry import Collector
from starlette.requests import Request
from starlette.responses import Response

from app.errors import NotFound, PrescreenError
from app.store import audit
from app.store.db import Database
from app.web.access import public
from app.web.deps import app_of
from app.web.published import Library

router = APIRouter(tags=["service"], dependencies=[public])
BUCKETS: Final = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)
BOUNDS: Final = [*(str(bound) for bound in BUCKETS), "+Inf"]


class Latency:
    """How many answers took how long."""

    def __init__(self) -> None:
        self.numbers = [0] * len(BOUNDS)
        self.seconds = 0.0


class Metrics(Collector):
    """What this process counts. It is counted on the event loop alone, so no lock is needed."""

    def __init__(self, database: Database, library: Library, nct_id: str) -> None:
        self.in_flight = 0
        self._database = database
        self._library = library
        self._nct_id = nct_id
        self._answers: dict[tuple[str, str, int], int] = {}
        self._latencies: dict[str, Latency] = {}
        self._registry = CollectorRegistry(auto_describe=False)
        self._registry.register(self)
        ProcessCollector(registry=self._registry)

    def count(self, route: str, method: str, status: int, seconds: float) -> None:
        """Count an answer; a status of 0 says that there was none."""
        key = (route, method, status // 100)
        self._answers[key] = self._answers.get(key, 0) + 1
        latency = self._latencies.get(route)
        if latency is None:
            latency = self._latencies[route] = Latency()
        latency.numbers[bisect_left(BUCKETS, seconds)] += 1
        latency.seconds += seconds

    def exposition(self) -> bytes:
        """All figures as Prometheus reads them."""
        return generate_latest(self._registry)

    def collect(self) -> Iterator[Metric]:
        """The figures of this application."""
        yield from self._requests()
        yield from self._surroundings()

    def _requests(self) -> Iterator[Metric]:
        answers = CounterMetricFamily("prescreen_requests", "Requests", labels=["route", "method", "status"])
        for (route, method, status), number in list(self._answers.items()):
            answers.add_metric([route, method, f"{status}xx" if status else "none"], number)
        yield answers
        latencies = HistogramMetricFamily("prescreen_request_seconds", "Seconds to the answer's end", labels=["route"])
        for route, latency in list(self._latencies.items()):
            buckets = list(zip(BOUNDS, accumulate(latency.numbers), strict=True))
            latencies.add_metric([route], buckets, latency.seconds)
        yield latencies
        yield GaugeMetricFamily("prescreen_requests_in_flight", "Requests being answered", self.in_flight)

    def _surroundings(self) -> Iterator[Metric]:
        is_open, in_use = self._database.connections()
        yield GaugeMetricFamily("prescreen_database_connections", "Connections that are open", is_open)
        yield GaugeMetricFamily("prescreen_database_connections_in_use", "Connections in use", in_use)
        yield InfoMetricFamily("prescreen_build", "The program", {"version": program_version()})
        try:
            published = self._library.current(self._nct_id)
            with self._database.read() as session:
                last = audit.head(session).seq
        except PrescreenError:
            yield GaugeMetricFamily("prescreen_database_up", "Whether the database answers", 0)
            return
        yield GaugeMetricFamily("prescreen_database_up", "Whether the database answers", 1)
        yield GaugeMetricFamily("prescreen_audit_last_event", "The number of the last event", last)
        said = {"version": str(published.version), "hash": published.hash}
        yield InfoMetricFamily("prescreen_protocol", "The protocol in force", said)


def program_version() -> str:
    """The version that is installed; empty where the program runs from a folder."""
    try:
        return version("prescreen")
    except PackageNotFoundError:
        return ""


@router.get("/metrics", include_in_schema=False)
def metrics(request: Request) -> Response:
    """The figures, for whoever has the token."""
    token = app_of(request).settings.metrics_token
    given = request.headers.get("authorization", "").encode("utf-8", "surrogateescape")
    if not token or not hmac.compare_digest(given, f"Bearer {token}".encode()):
        raise NotFound("no figures without the token")
    counted: Metrics = request.app.state.metrics
    return Response(counted.exposition(), media_type=CONTENT_TYPE_LATEST)
