"""Collects the messages of the code and the templates and brings the catalogues up to date: `make messages`.

`collected` is what there is to say; a test holds every catalogue to it.
"""

from collections.abc import Iterator
from pathlib import Path

from babel.messages import Catalog
from babel.messages.extract import extract_from_dir
from babel.messages.pofile import read_po, write_po

from app.languages import LANGUAGES, Language

ROOT = Path(__file__).parents[1]
METHODS = [("app/**.py", "python"), ("templates/**.html", "jinja2")]
KEYWORDS = {"_": None, "N_": None, "ngettext": (1, 2), "NN_": (1, 2), "NNP_": ((1, "c"), 2, 3)}


def collected() -> Catalog:
    """Every message of the application, with the places where it is said."""
    catalog = Catalog(project="Prescreen", charset="utf-8")
    for folder in ("app", "templates"):
        methods = [(pattern.removeprefix(f"{folder}/"), method) for pattern, method in METHODS]
        found = extract_from_dir(ROOT / folder, methods, keywords=KEYWORDS, comment_tags=("Translators:",))
        for file, line, message, comments, context in found:
            catalog.add(message, None, [(f"{folder}/{file}", line)], auto_comments=comments, context=context)
    return catalog


def catalogue(language: Language) -> Catalog:
    """A language's catalogue as it is kept; an empty one where there is none yet."""
    tag = language.tag.replace("-", "_")
    if not language.catalogue.exists():
        made = Catalog(locale=tag, project="Prescreen", last_translator="machine-drafted", language_team=language.name)
        if tag == "fr":  # without the third form, which is for millions
            made.mime_headers = [("Plural-Forms", "nplurals=2; plural=(n > 1);")]
        return made
    with language.catalogue.open("rb") as file:
        return read_po(file, locale=tag)


def translated() -> Iterator[Language]:
    """The languages that have a catalogue."""
    return (language for language in LANGUAGES.values() if language.tag != "en")


def update(language: Language) -> str:
    """The language's catalogue with exactly the messages that there are; gives how many wait."""
    catalog = catalogue(language)
    made = catalog.creation_date
    catalog.update(collected(), no_fuzzy_matching=True, update_header_comment=False)
    catalog.creation_date = made  # nothing changes where no message did
    catalog.obsolete.clear()
    catalog.fuzzy = False
    catalog.header_comment = f"# {language.name}: the messages of Prescreen. Empty: not translated, shown in English."
    language.catalogue.parent.mkdir(exist_ok=True)
    with language.catalogue.open("wb") as file:
        write_po(file, catalog, width=120, include_lineno=False, sort_output=True, omit_header=False)
    messages = [message for message in catalog if message.id]
    waiting = [
        m for m in messages if m.fuzzy or not (all(m.string) if isinstance(m.string, tuple | list) else m.string)
    ]
    return f"{language.tag}: {len(messages)} messages, {len(waiting)} to do"


if __name__ == "__main__":
    for each in translated():
        print(update(each))
