"""The states of a screening in a site's log, which follow which, and the coded reasons that some need.

The first four follow the verdict as answers come in; the others somebody sets. Codes are data of the log and of its
exports; the words for people stand beside them.
"""

from collections.abc import Mapping
from typing import Final

from app.rules.words import N_

VERDICTS: Final = ("likely_eligible", "excluded", "undetermined")
BY_VERDICT: Final = ("pre_screening", *VERDICTS)
STATUSES: Final = (*BY_VERDICT, "consented", "screen_failure", "enrolled", "declined", "withdrawn")

STATUS_WORDS: Final[Mapping[str, str]] = {
    "pre_screening": N_("Pre-screening"),
    "likely_eligible": N_("Likely eligible"),
    "excluded": N_("Excluded"),
    "undetermined": N_("Undetermined"),
    "consented": N_("Consented"),
    "screen_failure": N_("Screen failure"),
    "enrolled": N_("Enrolled"),
    "declined": N_("Declined"),
    "withdrawn": N_("Withdrawn"),
}

# What somebody can set from each state. "reopened" leads back to what the verdict says.
_BEFORE_CONSENT: Final = ("consented", "declined")
NEXT: Final[Mapping[str, tuple[str, ...]]] = {
    "pre_screening": _BEFORE_CONSENT,
    "likely_eligible": _BEFORE_CONSENT,
    "excluded": _BEFORE_CONSENT,
    "undetermined": _BEFORE_CONSENT,
    "consented": ("enrolled", "screen_failure", "withdrawn", "pre_screening"),
    "enrolled": ("withdrawn", "consented"),
    "screen_failure": ("consented",),
    "declined": ("consented", "pre_screening"),
    "withdrawn": ("consented",),
}

REASONS: Final[Mapping[str, Mapping[str, str]]] = {
    "consented": {
        "investigator": N_("The investigator accepts it in spite of the verdict"),
        "entered_wrongly": N_("The state before was entered by mistake"),
    },
    "declined": {
        "no_interest": N_("Does not want to take part"),
        "other_trial": N_("Takes part in another trial"),
        "distance": N_("Travel or distance"),
        "burden": N_("Burden of visits and tests"),
        "family": N_("Family or caregivers decided against it"),
        "no_reason": N_("No reason given"),
    },
    "screen_failure": {
        "criterion": N_("A criterion is not met at screening"),
        "laboratory": N_("Laboratory or test result"),
        "worsened": N_("The disease or the condition got worse"),
        "died": N_("Died before enrolment"),
        "other_treatment": N_("Another treatment was begun"),
        "lost": N_("Lost to follow-up"),
    },
    "withdrawn": {
        "consent_withdrawn": N_("Consent withdrawn"),
        "investigator": N_("Decision of the investigator"),
        "safety": N_("Safety"),
        "died": N_("Died"),
        "lost": N_("Lost to follow-up"),
    },
    "pre_screening": {"entered_wrongly": N_("The state before was entered by mistake")},
}
REASON_CODES: Final = tuple(dict.fromkeys(code for reasons in REASONS.values() for code in reasons))

# Why an answer that stood already is changed.
CHANGE_REASONS: Final[Mapping[str, str]] = {
    "typing_error": N_("Typing error"),
    "new_result": N_("New result or new information"),
    "source_corrected": N_("The source was corrected"),
    "asked_again": N_("The participant was asked again"),
}


def needs_reason(before: str, after: str) -> bool:
    """Whether going from one state to the other must be given a reason."""
    if after == "enrolled":
        return False
    if after == "consented":
        return before not in ("likely_eligible", "undetermined", "pre_screening")
    return True


def by_verdict(verdict: str, is_over: bool) -> str:
    """The state that a verdict means; an undetermined one is pre-screening until the questions are over."""
    return "pre_screening" if verdict == "undetermined" and not is_over else verdict


# THE FUNNEL of the charts, by the state that a screening is in now.

STAGES: Final[Mapping[str, str]] = {
    "screened": N_("Screened"),
    "decided": N_("Decided"),
    "likely_eligible": N_("Likely eligible"),
    "consented": N_("Consented"),
    "enrolled": N_("Enrolled"),
}
# How far a screening in each state has come; the state alone says no more. Whoever was asked for consent counts as
# likely eligible, whatever the verdict then was; whoever withdrew counts as consented, also after enrolment.
REACHED: Final[Mapping[str, str]] = {
    "pre_screening": "screened",
    "undetermined": "screened",
    "excluded": "decided",
    "likely_eligible": "likely_eligible",
    "declined": "likely_eligible",
    "consented": "consented",
    "screen_failure": "consented",
    "withdrawn": "consented",
    "enrolled": "enrolled",
}
LEFT: Final = ("excluded", "declined", "screen_failure", "withdrawn")  # those of the other states can still go on
WAITING: Final = ("pre_screening", "undetermined")  # something has to be answered before there is a verdict


def funnel(by_state: Mapping[str, int]) -> dict[str, int]:
    """How many came at least as far as each stage."""
    order = list(STAGES)
    return {
        stage: sum(number for state, number in by_state.items() if order.index(REACHED[state]) >= order.index(stage))
        for stage in order
    }
