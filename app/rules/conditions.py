"""What would change a verdict, in sentences: each names the whole set of values that will do.

The values of a fact that fall alike on the rules are one place (see `domain`); a set of places is said
by the limits at its ends, by its options, or by what a list holds.
"""

from collections.abc import Iterable, Sequence
from datetime import date
from itertools import groupby
from typing import Any, NamedTuple

from app.rules import explain
from app.rules.change import Change, Changes, Counterfactual, Reason, Risk
from app.rules.evaluate import Context, World, decide
from app.rules.exact import Search
from app.rules.facts import ANCHORS, Choice, Dates, Many, YesNo
from app.rules.protocol import ADMISSION, Protocol
from app.rules.tree import Compare, Elapsed, Includes, Rule
from app.rules.truth import FALSE, TRUE, Truth
from app.rules.verdict import Decision, Verdict
from app.rules.words import N_, _, date_words, listed, ngettext

TURNED = {
    "likely_eligible": N_("Would be likely eligible for {cohorts} if {changes}."),
    "not_excluded": N_("Would no longer be excluded from {cohorts} if {changes}."),
    "excluded": N_("Would be excluded if {changes}."),
}
REASON_WORDS = {
    "fixed": N_("{reason}: does not change."),
    "repeat": N_("{reason}: a later measurement or a change of treatment may differ."),
    "time": N_("{reason}: passes as time goes on."),
}


def counterfactual_words(one: Counterfactual, search: Search, world: World) -> str:
    """Would be likely eligible for Adult escalation if QTcF were at most 470 ms."""
    titles = listed([search.protocol.cohort_by_code[code].title for code in one.cohorts])
    changes = listed([change_words(c, search, world) for c in one.changes])
    return _(TURNED[one.turn], cohorts=titles, changes=changes)


def change_words(change: Change, search: Search, world: World) -> str:
    """QTcF were at most 470 ms: a fact, and all the values that will do."""
    if change.kind == "reading":
        taken = _("yes") if change.settings[0].values[0][1] else _("no")
        return _("reading {code} were taken as {value}", code=change.fact, value=taken)
    subject, words = set_words(change, search, world)
    return _("{fact} were {values}", fact=subject, values=words)


def set_words(change: Change, search: Search, world: World) -> tuple[str, str]:
    """What a set of values is about, and the set."""
    key = change.settings[0].values[0][0]
    question = search.protocol.question_by_key[key]
    places = [setting.place for setting in change.settings]
    dates = Dates(*(world[name] for name in ANCHORS))
    values: Sequence[Any] = search.completions.domains.values(key, dates)
    falls = _Falls(search, key, dates)
    match question.type:
        case YesNo():
            words = _("known") if len(places) == len(values) else explain.value_words(question, values[places[0]])
        case Choice(options):
            chosen = {falls.of(values[place]) for place in places}
            fitting = [_quoted(option.label) for option in options if falls.of(option.value) in chosen]
            words = listed(fitting, "or")
        case Many():
            words = _lists([values[place] for place in places], values, falls)
        case _:
            return _ordered(search.protocol, key, places, values, falls)
    return question.label, words


def _quoted(label: str) -> str:
    """A label among others; one that holds a comma, in quotation marks."""
    return _('"{label}"', label=label) if "," in label else label


class _Falls:
    """How the values of one fact fall on the leaves that read it."""

    def __init__(self, search: Search, key: str, dates: Dates) -> None:
        self.leaves: list[Rule] = search.completions.leaves[key]
        self._key, self._protocol = key, search.protocol
        self._blank: dict[str, Any] = dict.fromkeys(search.protocol.question_by_key)
        self._blank |= {name: getattr(dates, name) for name in ANCHORS}

    def of(self, value: Any) -> tuple[Truth, ...]:
        """The truth of each leaf."""
        return tuple(self.on(leaf, value) for leaf in self.leaves)

    def on(self, leaf: Rule, value: Any) -> Truth:
        """The truth of one leaf."""
        return decide(leaf, Context(self._protocol, {**self._blank, self._key: value}))


def _lists(chosen: Sequence[Any], values: Sequence[Any], falls: _Falls) -> str:
    """A list that holds, or does not hold, what all chosen ones do; where that says too much, the first alone."""
    leaves = [leaf for leaf in falls.leaves if isinstance(leaf, Includes)]
    shared = {leaf: falls.on(leaf, chosen[0]) for leaf in leaves}
    common = {leaf: truth for leaf, truth in shared.items() if all(falls.on(leaf, v) is truth for v in chosen)}
    described = [v for v in values if all(falls.on(leaf, v) is truth for leaf, truth in common.items())]
    if len(described) != len(chosen):
        common = shared
    question = falls._protocol.question_by_key[falls._key]
    labels = {option.value: option.label for option in question.type.options}  # type: ignore[union-attr]
    held = [leaf for leaf, truth in common.items() if truth is TRUE]
    kept_out = dict.fromkeys(option for leaf, truth in common.items() if truth is FALSE for option in leaf.options)
    phrases = [_("with {options}", options=listed([labels[o] for o in leaf.options], "or")) for leaf in held]
    if kept_out:
        phrases.append(_("without {options}", options=listed([labels[option] for option in kept_out], "or")))
    return listed(phrases) or _("known")


def _ordered(
    protocol: Protocol, key: str, places: Sequence[int], values: Sequence[Any], falls: _Falls
) -> tuple[str, str]:
    """Runs of numbers or days between limits. A date of birth is spoken of by the age where that is the limit."""
    runs = [
        [place for _, place in run] for _, run in groupby(enumerate(sorted(places)), lambda item: item[1] - item[0])
    ]
    leaves: list[Rule] = []
    words = []
    for run in runs:
        ends = [(run[0] - 1, run[0]), (run[-1] + 1, run[-1])]
        inside = [(at, within) for at, within in ends if 0 <= at < len(values)]
        turning = [(_turning(falls, values[at], values[within]), values[within]) for at, within in inside]
        leaves += [leaf for leaf, _ in turning]
        words.append(_between(protocol, [(leaf, falls.on(leaf, value)) for leaf, value in turning]))
    about = {leaf.fact for leaf in leaves if isinstance(leaf, Compare | Elapsed)}
    fact = about.pop() if len(about) == 1 else key
    return protocol.question_by_key[fact].label, listed(words, "or")


def _turning(falls: _Falls, outside: Any, inside: Any) -> Rule:
    """A leaf that tells the two apart."""
    return next(leaf for leaf in falls.leaves if falls.on(leaf, outside) is not falls.on(leaf, inside))


def _between(protocol: Protocol, limits: Iterable[tuple[Rule, Truth]]) -> str:
    """The limits of one run in words; the lower one of two numbers first."""
    numbers, spans = [], []
    fact = ""
    for leaf, truth in limits:
        if isinstance(leaf, Compare):
            held = leaf.comparison if truth is TRUE else explain.OPPOSITE[leaf.comparison]
            numbers.append((held, leaf.limit))
            fact = leaf.fact
        else:
            assert isinstance(leaf, Elapsed)
            day = _(explain.ANCHOR_WORDS[leaf.anchor])
            spans.append(_("{span} before {day}", span=explain.span_words(leaf, truth), day=day))
    return listed([*explain.range_words(protocol, fact, explain.tightest(numbers)), *spans]) or _("known")


# THE WHOLE


def decided_words(verdict: Verdict, decision: Decision) -> str | None:
    """Why a verdict that waits for answers is decided all the same; None where it is not."""
    if verdict.decision != "undetermined" or decision == "undetermined":
        return None
    names = listed(explain.open_words(verdict))
    if decision == "likely_eligible":
        return _(
            "Decided whatever the missing answers are: some cohort fits, whatever is found for {facts}.", facts=names
        )
    return _(
        "Decided whatever the missing answers are: every cohort is closed, whatever is found for {facts}.", facts=names
    )


def reason_words(one: Reason) -> str:
    """QTcF (E13): a later measurement or a change of treatment may differ."""
    name = explain.coded(one.title, one.code) if one.code else _("Admission to {cohort}", cohort=one.title)
    if one.passes_from is not None:
        return _("{reason}: passes from {day}.", reason=name, day=date_words(one.passes_from))
    return _(REASON_WORDS[one.can_change or "fixed"], reason=name)


def time_words(changes: Changes) -> str | None:
    """From which day all that time can turn passes together."""
    if changes.passes_from is None:
        return None
    timed = [one.code or one.title for one in changes.reasons if one.passes_from is not None]
    return ngettext(
        "From {day} this reason passes on the same answers: {reasons}.",
        "From {day} these reasons pass together on the same answers: {reasons}.",
        len(timed),
        day=date_words(changes.passes_from),
        reasons=listed(timed),
    )


def until_words(changes: Changes) -> str | None:
    """Until when a likely eligible verdict holds on the same answers."""
    if changes.holds_until is None:
        return None
    return _("From {day} the same answers no longer come to likely eligible.", day=date_words(changes.holds_until))


def risk_words(risk: Risk, search: Search, world: World) -> str:
    """QTcF: now 460 ms; would exclude if above 470 ms."""
    question = search.protocol.question_by_key[risk.change.fact]
    subject, words = set_words(risk.change, search, world)
    now = explain.value_words(question, world[question.key])
    return _("{fact}: now {now}; would exclude if {values}.", fact=subject, values=words, now=now)


def plain(changes: Changes, search: Search, world: World) -> dict[str, Any]:
    """What would change a verdict, as plain data."""

    def day(found: date | None) -> str | None:
        return None if found is None else found.isoformat()

    return {
        "reasons": [
            {
                "code": one.code or ADMISSION,
                "title": one.title,
                "can_change": one.can_change,
                "passes_from": day(one.passes_from),
                "sentence": reason_words(one),
            }
            for one in changes.reasons
        ],
        "passes_from": day(changes.passes_from),
        "time": time_words(changes) or until_words(changes),
        "cohorts": {code: found.isoformat() for code, found in changes.cohorts.items()},
        "sets": [
            {
                "verdict": one.turn,
                "cohorts": list(one.cohorts),
                "sentence": counterfactual_words(one, search, world),
                "changes": [_change_plain(change, search, world) for change in one.changes],
            }
            for one in changes.sets
        ],
        "risks": [
            {
                **_change_plain(one.change, search, world),
                "near": one.near,
                "sentence": risk_words(one, search, world),
            }
            for one in changes.risks
        ],
        "holds_until": day(changes.holds_until),
    }


def _change_plain(change: Change, search: Search, world: World) -> dict[str, Any]:
    return {
        "fact": change.fact,
        "kind": change.kind,
        "words": change_words(change, search, world),
        "example": change.example,
    }


class Part(NamedTuple):
    """The sentences about one thing. What is `aside` says what is said elsewhere, or seldom matters."""

    title: str
    sentences: list[str]
    is_aside: bool = False


def told(changes: dict[str, Any]) -> list[str]:
    """The same as lines to read: under a heading each; nothing where nothing would change it."""
    return [line for part in parts(changes) for line in ("", f"{part.title}:", *[f"  {one}" for one in part.sentences])]


def parts(changes: dict[str, Any]) -> list[Part]:
    """The sentences of what would change a verdict, by what they are about."""
    time = [changes["time"]] if changes["time"] else []
    sets, risks = changes["sets"], changes["risks"]
    found = [
        Part(_("What would change it"), [one["sentence"] for one in sets if not is_fixed(one)]),
        Part(_("As time passes"), time),
        Part(_("Close to a limit"), [one["sentence"] for one in risks if one["near"]]),
        Part(_("The reasons, and whether they can change"), [one["sentence"] for one in changes["reasons"]], True),
        Part(_("Only if what cannot change were otherwise"), [one["sentence"] for one in sets if is_fixed(one)], True),
        Part(_("What else could turn it before the first dose"), _others(risks), True),
    ]
    return [part for part in found if part.sentences]


def _others(risks: list[dict[str, Any]]) -> list[str]:
    return [one["sentence"] for one in risks if not one["near"]]


def is_fixed(one: dict[str, Any]) -> bool:
    """Whether something would have to be otherwise that cannot change."""
    return any(change["kind"] == "fixed" for change in one["changes"])
