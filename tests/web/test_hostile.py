"""A bounded run of the hostile requests; `make hostile` sends a million (docs/long-runs.md)."""

from tests.long.hostile import GROWTH, addresses, attack


def test_P32_hostile_requests_are_answered_and_leave_no_trace_in_memory() -> None:
    report = attack(4_000, 4, seed=7)
    assert report.counts.server_errors == 0, report.counts.faults
    assert report.counts.dropped == 0, report.counts.faults
    assert report.growth < GROWTH, str(report)
    classes = {status // 100 for status in report.counts.answers}
    assert {2, 3, 4} <= classes, "some of them come through"


def test_P32_the_requests_go_to_every_route() -> None:
    paths = [path for path, _ in addresses()]
    assert {"/", "/api/v1/trials/{nct_id}/evaluate", "/checks/{token}/questions/{keys}", "/static/{path}"} <= {*paths}
    assert len(paths) > 15
