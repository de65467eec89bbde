"""What the answers of a screening come to, as its log keeps it: for pages and programs alike."""

from collections.abc import Iterator, Mapping
from datetime import date
from typing import Any

from app import actions
from app.rules.explain import shared_reasons
from app.rules.facts import ANCHORS
from app.rules.finding import Finding, passing_together
from app.rules.participant import Participant
from app.rules.protocol import ADMISSION
from app.rules.verdict import Verdict
from app.store.models import Screening
from app.store.queries import Kept
from app.web.published import Published


def outcome(published: Published, participant: Participant) -> actions.Outcome:
    """What a participant's answers come to under a protocol, which is the English one (`Library.by_id`).

    The reasons are those that the summary names. Nothing passes with time alone where one of them is fixed.
    """
    verdict = published.evaluate(participant)
    return actions.Outcome(
        result=published.report(verdict).decode(),
        verdict=verdict.decision,
        reasons=reasons(verdict),
        passes_from=passes_from(verdict),
        is_over=published.interviewer.interview(participant).step is None,
    )


def participant_of(
    published: Published,
    screening: Screening | Kept,
    raw: Mapping[str, Any],
    dates: Mapping[str, date | None] | None = None,
) -> Participant:
    """The participant of a screening with these raw answers, and these dates in place of its own.

    Raises InvalidParticipant.
    """
    days = {name: getattr(screening, name) for name in ANCHORS} | dict(dates or {})
    body: dict[str, Any] = {name: day.isoformat() for name, day in days.items() if day is not None}
    return published.read({**body, "answers": raw}, screening.as_of)


def reasons(verdict: Verdict) -> tuple[str, ...]:
    """The codes that exclude, in the protocol's order: of criteria, then of groups without a failing route.

    Those that exclude from every cohort or, where there are none, that close each cohort that would admit; where no
    cohort admits, it is the admission. None where the verdict does not exclude.
    """
    if verdict.decision != "excluded":
        return ()
    open_ = [standing for standing in verdict.standings if ADMISSION not in standing.reasons]
    codes = shared_reasons(verdict) or {code for standing in open_ for code in standing.reasons}
    protocol = verdict.protocol
    ordered = [*[criterion.code for criterion in protocol.criteria], *[group.code for group in protocol.groups]]
    return tuple(code for code in ordered if code in codes) or (ADMISSION,)


def passes_from(verdict: Verdict) -> date | None:
    """The first day on which all reasons that time can turn pass together, where no reason is fixed."""
    failing = list(_failing(verdict))
    timed = [finding for finding in failing if finding.passes_from is not None]
    if not timed or any(finding.can_change == "fixed" for finding in failing):
        return None
    return passing_together(timed)


def _failing(verdict: Verdict) -> Iterator[Finding]:
    codes = reasons(verdict)
    for result in verdict.results:
        if result.criterion.code in codes:
            yield next(finding for finding in result.findings.values() if finding.outcome == "fail")
