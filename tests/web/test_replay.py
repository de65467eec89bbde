"""P12: stored verdicts come out again, byte for byte, from the answers, the dates and the version they rest on."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import date

import pytest
from serving import CASES, NOW, load_built_in, settings
from sqlalchemy import text

from app import actions
from app.rules.facts import ANCHORS
from app.settings import secret
from app.store.db import Database
from app.trials import read_trial
from app.web.published import Library
from app.web.replay import replay


@pytest.fixture
def kept(database: Database) -> Iterator[Database]:
    """A database with the example participants as quick checks, each with its verdict."""
    url = database.engine.url
    load_built_in(url)
    opened = Database(url, secret(settings(url), "audit"))
    published = Library(opened).current("NCT05086315")
    with opened.write() as session:
        for case in [case for case in CASES if not case.get("readings")][:40]:
            days = {name: date.fromisoformat(case[name]) for name in ANCHORS if case.get(name)}
            days.setdefault("as_of", NOW.date())
            body = {"answers": case["answers"], **{name: day.isoformat() for name, day in days.items()}}
            result = published.report(published.evaluate(published.read(body, NOW.date()))).decode()
            begun = actions.start_quick_check(
                session, nct_id="NCT05086315", at=NOW, as_of=days["as_of"], hours=24, actor="test"
            ).screening
            actions.give_answers(
                session, screening=begun, answers=case["answers"], dates=days, at=NOW, actor="test", source="typed",
                result=result,
            )  # fmt: skip
    yield opened
    opened.close()


def differing(database: Database) -> list[str]:
    return [difference for _, difference in replay(database) if difference]


def test_P12_every_stored_verdict_comes_out_again(kept: Database) -> None:
    assert len(list(replay(kept))) >= 20
    assert differing(kept) == []

    # also when the registry says something else of the trial meanwhile
    trial, protocol = read_trial()
    with kept.write() as session:
        later = replace(trial, status="SUSPENDED", status_as_of="2026-11-26")
        actions.publish_protocol(session, trial=later, protocol=protocol, at=NOW, actor="test")
    assert differing(kept) == []


def test_P12_what_was_changed_behind_its_back_is_named(kept: Database) -> None:
    with kept.engine.begin() as connection:
        ids = list(connection.execute(text("SELECT id FROM screening ORDER BY id LIMIT 3")).scalars())
        connection.execute(text("UPDATE answer SET value = '481' WHERE fact = 'qtcf_ms'"))
        changed = "UPDATE screening SET result = replace(result, '\"criteria\"', '\"criterion\"') WHERE id = :id"
        connection.execute(text(changed), {"id": ids[0]})
        connection.execute(text("UPDATE screening SET result = 'no JSON' WHERE id = :id"), {"id": ids[1]})
    found = differing(kept)
    assert "the stored verdict cannot be read" in found
    assert any("differs from byte" in one for one in found)
    assert not any("481" in one for one in found), "no value is told"
