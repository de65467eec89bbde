"""The verbs that change state. Each does one thing and writes the event that says so, in one transaction.

Nothing is committed here: the caller's `with database.write()` does that, so several actions are one
change. The time and the actor are arguments. Where nothing changes, no event is written, so a repeated
submit leaves no trace. An event's detail names facts, versions and counts; values stand in its content alone.
"""

from app.actions.accounts import begin_login, create_account, see_key, see_login
from app.actions.checks import (
    Started,
    delete_check,
    forget_answer,
    give_answers,
    purge_expired,
    record_result,
    set_dates,
    start_quick_check,
)
from app.actions.log import export_log, renew_calendar, stop_calendar
from app.actions.protocols import Published, publish_protocol, translate_trial
from app.actions.record import record
from app.actions.screenings import (
    Outcome,
    add_note,
    answer_screening,
    assign,
    erase_note,
    look_again,
    redact,
    set_status,
    sign_verdict,
    start_screening,
    view_screening,
)
from app.actions.submissions import forget_submissions, keep_submission

__all__ = [
    "Outcome",
    "Published",
    "Started",
    "add_note",
    "answer_screening",
    "assign",
    "begin_login",
    "create_account",
    "delete_check",
    "erase_note",
    "export_log",
    "forget_answer",
    "forget_submissions",
    "give_answers",
    "keep_submission",
    "look_again",
    "publish_protocol",
    "purge_expired",
    "record",
    "record_result",
    "redact",
    "renew_calendar",
    "see_key",
    "see_login",
    "set_dates",
    "set_status",
    "sign_verdict",
    "start_quick_check",
    "start_screening",
    "stop_calendar",
    "translate_trial",
    "view_screening",
]
