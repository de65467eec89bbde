"""The texts of a protocol in another language: the same rules, so the same verdicts.

Each text has a path (question.country.text, criterion.I5.title) and a source: the first twelve hex
digits of the SHA-256 of the English text. A translation is of one source, so it is not used where the English
text has changed; then, and where there is none, the English text stays and is marked as English.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from hashlib import sha256

from app.rules.facts import Choice, FactType, Many
from app.rules.protocol import Protocol, Question
from app.rules.words import BEGIN, END

TRANSLATION_STATUSES = ("draft", "reviewed")
Translations = Mapping[tuple[str, str], str]  # by path and source
Say = Callable[[str, str], str]


def source_of(text: str) -> str:
    """What a translation names as its source: the hash of the English text."""
    return sha256(text.encode()).hexdigest()[:12]


def texts(protocol: Protocol) -> Iterator[tuple[str, str]]:
    """Every text of a protocol that can be translated, by its path, in the protocol's order."""
    found: list[tuple[str, str]] = []

    def collect(path: str, text: str) -> str:
        if text:
            found.append((path, text))
        return text

    _said(protocol, collect)
    return iter(found)


def localised(protocol: Protocol, translations: Translations) -> Protocol:
    """The protocol in another language. Raises InvalidProtocol where a translation cannot stand in it."""

    def say(path: str, text: str) -> str:
        return text and (translations.get((path, source_of(text))) or f"{BEGIN}{text}{END}")

    return _said(protocol, say)


def _said(protocol: Protocol, say: Say) -> Protocol:
    """The protocol with each of its texts said anew."""
    made = replace(
        protocol,
        sections=tuple(replace(s, title=say(f"section.{s.key}.title", s.title)) for s in protocol.sections),
        questions=tuple(_question(question, say) for question in protocol.questions),
        terms=tuple(replace(t, title=say(f"term.{t.name}.title", t.title)) for t in protocol.terms),
        readings=tuple(
            replace(r, statement=say(f"reading.{r.code}.statement", r.statement)) for r in protocol.readings
        ),
        groups=tuple(replace(g, title=say(f"group.{g.code}.title", g.title)) for g in protocol.groups),
        criteria=tuple(
            replace(
                c,
                title=say(f"criterion.{c.code}.title", c.title),
                statement=say(f"criterion.{c.code}.statement", c.statement),
                place=say(f"criterion.{c.code}.place", c.place),
            )
            for c in protocol.criteria
        ),
        cohorts=tuple(replace(c, title=say(f"cohort.{c.code}.title", c.title)) for c in protocol.cohorts),
    )
    for part, words in protocol.part_words.items():
        made.part_words[part] = say(f"part.{part}", words)
    return made


def _question(question: Question, say: Say) -> Question:
    at = f"question.{question.key}"
    return replace(
        question,
        text=say(f"{at}.text", question.text),
        label=say(f"{at}.label", question.label),
        why=say(f"{at}.why", question.why),
        hint=say(f"{at}.hint", question.hint),
        type=_type(question.type, at, say),
    )


def _type(type_: FactType, at: str, say: Say) -> FactType:
    if not isinstance(type_, Choice | Many):
        return type_
    options = tuple(
        replace(o, label=say(f"{at}.option.{o.value}", o.label), hint=say(f"{at}.option.{o.value}.hint", o.hint))
        for o in type_.options
    )
    return replace(type_, options=options)
