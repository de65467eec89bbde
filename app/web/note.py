"""A result as plain text, to be copied into the chart: the same sentences as on the result page."""

from collections.abc import Iterable, Iterator
from datetime import datetime

from app.rules.words import _, semicolons, sentences, unmarked
from app.web.present import (
    VERDICT_TITLES,
    AnswersView,
    CohortView,
    CriterionView,
    NeedsView,
    QueryView,
    ResultView,
    Row,
    TrialView,
)
from app.web.render import long_date, moment


def note(trial: TrialView, result: ResultView, answers: AnswersView, at: datetime) -> str:
    """The note made at this moment, one statement a line. No line holds the check's address."""
    parts = [
        [
            _("Eligibility pre-screening for trial {trial}", trial=trial.nct_id),
            _("As of {moment}.", moment=moment(at)),
            _("Rules: version {version}, {hash}", version=result.version, hash=result.hash),
        ],
        [_("{title}: {summary}", title=result.title, summary=result.summary), *filter(None, [result.decided])],
        [_reason(reason) for reason in result.reasons],
        _under(_("Still needed"), _needs(result.needs)),
        _under(_("Please check"), (_query(query) for query in result.queries)),
        _under(_("For the investigator"), (f"{point.code} {point.title}" for point in result.review)),
        _under(_("Cohorts"), (_cohort(cohort) for cohort in result.cohorts)),
        *(_under(section, _rows(rows)) for section, rows in answers.sections),
        _under(_("Dates"), _rows(answers.dates)),
        [
            _("It supports a decision; it never makes one."),
            _("The trial is {status} as of {date}.", status=trial.status_words, date=long_date(trial.status_as_of)),
        ],
    ]
    return unmarked("\n\n".join("\n".join(lines) for lines in parts if lines) + "\n")


def _under(title: str, lines: Iterable[str]) -> list[str]:
    """The lines below a heading; nothing where there are none."""
    found = [f"- {line}" for line in lines]
    return [title.upper(), *found] if found else []


def _reason(reason: CriterionView) -> str:
    name = f"{reason.code} {reason.title}".strip()
    return sentences([*filter(None, [_("{sentence}.", sentence=name), reason.reason, reason.note])])


def _needs(needs: NeedsView) -> Iterator[str]:
    for _section, found in needs.sections:
        for need in found:
            yield _("{title} ({code})", title=need.text, code=need.waits)


def _cohort(cohort: CohortView) -> str:
    return _("{label}: {value}", label=cohort.title, value=_(VERDICT_TITLES[cohort.verdict]))


def _query(query: QueryView) -> str:
    return sentences([query.message, semicolons(list(_rows(query.facts)))])


def _rows(rows: Iterable[Row]) -> Iterator[str]:
    return (_("{label}: {value}", label=row.label, value=row.value) for row in rows)
