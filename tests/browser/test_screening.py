"""A screening from the start page to the verdict, as a coordinator at a desk and a physician on a phone do it."""

import re
import time
from collections.abc import Callable

import pytest
from stage import (
    AFTER_DONOR_LYMPHOCYTES,
    DESK,
    LONG_QT,
    PHONE,
    WOMAN_OF_54,
    Server,
    Visitor,
    with_unknowns,
)

from app import actions

Visit = Callable[..., Visitor]
with_and_without_scripts = pytest.mark.parametrize("scripts", [True, False], ids=["scripts", "no-scripts"])


# TO EACH VERDICT


@with_and_without_scripts
def test_a_patient_who_fits(visit: Visit, scripts: bool) -> None:
    # Given a referring physician on a phone
    reader = visit(PHONE, scripts=scripts)

    # When they answer for a woman of 54 with relapsed AML
    reader.starts_a_check()
    steps = reader.screens(WOMAN_OF_54)

    # Then she is likely eligible for the two cohorts that take adults with AML
    assert reader.heading == "Likely eligible"
    assert "For Adult escalation and Adult expansion for AML" in reader.text
    # and it says what it is not, and that the trial is over
    assert "It supports a decision; it never makes one." in reader.text
    assert "The trial is terminated as of 15 December 2025" in reader.text
    # and no more was asked than can matter: nothing about another disease, nor about transplants she never had
    assert steps <= 7
    assert not {"ipss_r", "hsct_outcome", "lansky", "induction_cycles"} & reader.saved.keys()


@with_and_without_scripts
def test_a_patient_who_is_excluded(visit: Visit, scripts: bool) -> None:
    # Given a coordinator with a file whose QTcF is too long
    reader = visit(DESK, scripts=scripts)
    reader.starts_a_check()

    # When they answer step by step
    reader.screens(LONG_QT)

    # Then it ends as soon as that is answered, with value, limit and criterion
    assert reader.heading == "Excluded"
    assert "QTcF: 482 ms (above 470 ms)." in reader.text
    assert "E13" in reader.text
    assert "hiv" not in reader.saved
    # and it says what may change it
    assert "A later measurement, or a change of treatment, may change this." in reader.text


@with_and_without_scripts
def test_a_patient_who_hangs_on_an_open_reading(visit: Visit, scripts: bool) -> None:
    # Given a file with a donor lymphocyte infusion, of which nobody has decided whether it counts
    reader = visit(DESK, scripts=scripts)
    reader.starts_a_check()

    # When everything is answered
    reader.screens(AFTER_DONOR_LYMPHOCYTES)

    # Then it cannot tell, names the reading, and says what it decides
    assert reader.heading == "Cannot tell yet"
    assert "depends on how reading X17 is taken" in reader.text
    assert "A donor lymphocyte infusion counts as cellular therapy." in reader.text
    assert "it decides Earlier cellular therapy (E9)" in reader.text
    assert "Still needed" not in reader.text


def test_a_file_of_which_nothing_is_known(visitor: Visitor) -> None:
    # Given a check in which every question is answered with "not known"
    visitor.starts_a_check()
    visitor.screens({})

    # Then it cannot tell, and lists what to find out by section, each with a link to answer it
    assert visitor.heading == "Cannot tell yet"
    assert visitor.page.locator(".app-needs__title").all_inner_texts()[0] == "The participant"
    assert len(visitor.page.locator(".app-verdict__summary").inner_text()) < 120
    assert "Every question that can matter has been asked." in visitor.text

    # When one of them is found out
    visitor.follows("Diagnosis")
    visitor.gives("diagnosis", "jmml")
    visitor.presses("Save")

    # Then the verdict follows
    assert visitor.heading == "Excluded"
    assert "APL and JMML (E16)" in visitor.text


def test_keyboard_alone(visitor: Visitor) -> None:
    # Given somebody without a mouse on the start page
    visitor.opens("/")
    tab_to(visitor, "#page-main button:not([tabindex='-1'])")

    # When they go through a whole screening with Tab, the arrows, Space and Enter
    with visitor.another_page():
        visitor.page.keyboard.press("Enter")
    steps = 0
    while "/questions/" in visitor.page.url:
        for key in visitor.asked:
            key = "age_years" if key == "birth_date" else key
            type_in(visitor, key, WOMAN_OF_54[key])
        with visitor.another_page():
            visitor.page.keyboard.press("Enter")
        # Then each new page begins at its heading
        assert visitor.is_focused("h1")
        steps += 1
        assert steps < 10

    # And the result can be reached and its folds opened
    assert visitor.heading == "Likely eligible"
    tab_to(visitor, "#criterion-E13 summary")
    visitor.page.keyboard.press("Enter")
    assert visitor.page.locator("#criterion-E13 .app-criteria__body").is_visible()


def tab_to(visitor: Visitor, selector: str) -> None:
    for _ in range(150):
        if visitor.is_focused(selector):
            return
        visitor.page.keyboard.press("Tab")
    raise AssertionError(f"Tab does not reach {selector}")


def type_in(visitor: Visitor, key: str, raw: object) -> None:
    """Answer one question by keyboard."""
    keyboard = visitor.page.keyboard
    value = {True: "yes", False: "no"}.get(raw, raw) if isinstance(raw, bool) else raw
    tab_to(visitor, f'[name="{key}"]')
    if isinstance(raw, list):
        tab_to(visitor, f'[name="{key}"][value="none"]')
        keyboard.press("Space")
    elif visitor.is_focused('[type="radio"]'):
        keyboard.press("Space")
        for _ in range(20):
            if visitor.is_focused(f'[value="{value}"]'):
                break
            keyboard.press("ArrowDown")
        assert visitor.is_focused(f'[value="{value}"]:checked')
    else:
        keyboard.type(str(value))


# CHANGING ONE'S MIND


def test_changing_an_answer_keeps_the_others(server: Server, visitor: Visitor) -> None:
    # Given a finished check
    visitor.opens(server.check(WOMAN_OF_54) + "/answers")
    before = visitor.saved

    # When an answer in the middle is changed
    visitor.follows("Change corticosteroid as prednisone")
    assert visitor.heading == "What corticosteroid dose will the participant be on at the first dose of the trial drug?"
    visitor.gives("prednisone_mg_per_day", "7,5")
    visitor.presses("Save")

    # Then it is back on the answers, which show the new one, and the others stay
    assert visitor.heading == "Check your answers"
    assert "7.5 mg/day" in visitor.text
    assert visitor.saved == before | {"prednisone_mg_per_day": 7.5}


def test_a_change_that_makes_something_new_necessary(server: Server, visitor: Visitor) -> None:
    # Given a finished check
    visitor.opens(server.check(WOMAN_OF_54) + "/answers")

    # When a transplant is added
    visitor.follows("Change earlier hsct")
    visitor.gives("prior_hsct", True)
    visitor.presses("Save")

    # Then what this makes necessary is asked next, and nothing else
    assert "hsct_outcome" in visitor.asked
    course = {"hsct_outcome": "relapsed", "hsct_to_relapse_months": 9, "immunosuppression": "never", "gvhd": False}
    visitor.screens(course)
    assert visitor.heading == "Likely eligible"

    # And when it is taken back, what was answered about it is kept and marked as not counting
    visitor.opens(visitor.check + "/answers")
    visitor.follows("Change earlier hsct")
    visitor.gives("prior_hsct", False)
    visitor.presses("Save")
    assert visitor.text.count("Kept, but it does not count") == 4
    assert visitor.saved["hsct_to_relapse_months"] == 9


def test_back_and_forward(visitor: Visitor) -> None:
    # Given somebody in the third step
    visitor.starts_a_check()
    for _ in range(2):
        visitor.answers(WOMAN_OF_54)
        visitor.presses("Continue")
    third = visitor.heading
    assert "disease_state" in visitor.asked

    # When they go back with the page's link, the step before shows what was answered
    visitor.follows("Back")
    assert visitor.page.locator('[name="diagnosis"][value="aml"]').is_checked()
    # and with the browser's button they come to the third step again, and once more to the second
    with visitor.another_page():
        visitor.page.go_back()
    assert visitor.heading == third
    with visitor.another_page():
        visitor.page.go_back()
    assert visitor.page.locator('[name="diagnosis"][value="aml"]').is_checked()

    # And forward leads to the third step, where the interview stands
    with visitor.another_page():
        visitor.page.go_forward()
    assert visitor.heading == third


def test_going_on_after_exclusion(server: Server, visitor: Visitor) -> None:
    # Given a check that a short look has ended
    visitor.opens(server.check({key: LONG_QT[key] for key in list(LONG_QT)[:10]}) + "/result")
    assert visitor.heading == "Excluded"

    # When the coordinator wants every reason for the log
    visitor.follows("Go on and find every reason")
    assert "Excluded already." in visitor.text
    visitor.screens(LONG_QT | {"hiv": "aids", "prednisone_mg_per_day": 25})

    # Then all reasons stand there, and it says that there can be no more
    assert visitor.heading == "Excluded"
    shown = visitor.page.locator(".app-reasons__title").all_inner_texts()
    assert shown == ["Infections", "Corticosteroid dose", "QTcF"]
    assert "No answer that is still open could add a reason." in visitor.text


# THE CALCULATORS


@with_and_without_scripts
def test_qtcf_from_two_ecgs(server: Server, visit: Visit, scripts: bool) -> None:
    # Given the question for the QTcF
    visitor = visit(scripts=scripts)
    visitor.opens(server.check({}) + "/questions/qtcf_ms")
    visitor.page.get_by_text("Work out QTcF from the ECGs").click()

    # When two ECGs are entered, one with its heart rate, one with its RR interval, and Enter is pressed
    for name, text in (("1-qt", "400"), ("1-rate", "75"), ("2-qt", "410"), ("2-rr", "800")):
        visitor.page.locator(f'[name="ecg-{name}"]').fill(text)
    with visitor.another_page():
        visitor.page.locator('[name="ecg-2-rr"]').press("Enter")

    # Then the average stands in the field, with its working, and nothing is saved yet
    assert visitor.page.locator("#qtcf_ms").input_value() == "436.3"
    assert "ECG 1 400 / ∛(60 / 75) = 430.9 ms" in visitor.text
    assert "average of 2 ECGs" in visitor.text
    assert visitor.saved == {}

    # When it is accepted, it is saved as shown
    visitor.presses("Continue")
    assert visitor.saved["qtcf_ms"] == 436.3


def test_prednisone_equivalent(server: Server, visitor: Visitor) -> None:
    # Given the question for the corticosteroid dose among others of its step
    visitor.opens(server.check({}) + "/questions/prior_hsct+prednisone_mg_per_day")
    visitor.gives("prior_hsct", False)

    # When dexamethasone is entered by its own dose
    visitor.page.get_by_text("Work out the prednisone equivalent").click()
    visitor.page.locator('[name="steroid-1-drug"]').select_option("dexamethasone")
    visitor.page.locator('[name="steroid-1-mg"]').fill("1,5")
    visitor.presses("Work out the equivalent")

    # Then the equivalent stands in the field, and the other answer is still there
    assert visitor.page.locator("#prednisone_mg_per_day").input_value() == "10"
    assert visitor.page.locator('[name="prior_hsct"][value="no"]').is_checked()

    # When something in the calculator is wrong
    visitor.page.locator('[name="steroid-1-mg"]').fill("a lot")
    visitor.presses("Work out the equivalent")

    # Then the summary has the focus and leads to the field
    assert visitor.is_focused(".govuk-error-summary")
    visitor.page.locator(".govuk-error-summary a").click()
    assert visitor.is_focused("#steroid-1-mg")


# WHAT CAN GO WRONG


@with_and_without_scripts
def test_errors_stand_beside_the_field_and_in_the_summary(server: Server, visit: Visit, scripts: bool) -> None:
    # Given the first step
    visitor = visit(scripts=scripts)
    visitor.opens(server.check({}) + "/questions/country+birth_date+sex+weight_kg")

    # When it is sent with mistakes
    visitor.page.locator("#birth_date-day").fill("31")
    visitor.page.locator("#birth_date-month").fill("2")
    visitor.page.locator("#birth_date-year").fill("1962")
    visitor.page.locator("#weight_kg").fill("heavy")
    visitor.gives("sex", "female")
    visitor.presses("Continue")

    # Then the title says so, the summary names each, and what was typed is still there
    assert visitor.page.title().startswith("Error: ")
    assert visitor.page.locator(".govuk-error-summary li").all_inner_texts() == [
        "Country of the site: give an answer, or choose Not known",
        "Date of birth must be a real date with a four-digit year, such as 27 3 1962",
        "Body weight must be a number from 0.5 to 400 (kg)",
    ]
    assert visitor.page.locator(".govuk-error-message").count() == 3
    assert visitor.page.locator("#weight_kg").input_value() == "heavy"
    assert visitor.page.locator('[name="sex"][value="female"]').is_checked()
    assert visitor.saved == {}
    if scripts:
        assert visitor.is_focused(".govuk-error-summary")


def test_two_tabs_lose_nothing(server: Server, visit: Visit) -> None:
    # Given the same check in two tabs, each on another question
    check = server.check(FIRST_STEP)
    one, two = visit(), visit()
    one.opens(check + "/questions/diagnosis+no_available_therapy")
    two.opens(check + "/questions/weight_kg")

    # When both save, one after the other
    two.gives("weight_kg", "70")
    two.presses("Continue")
    one.answers(WOMAN_OF_54)
    one.presses("Continue")

    # Then both answers are there
    assert server.saved(check)["weight_kg"] == 70
    assert server.saved(check)["diagnosis"] == "aml"
    assert server.saved(check)["sex"] == "female"


FIRST_STEP = {key: WOMAN_OF_54[key] for key in ("country", "age_years", "sex", "weight_kg")}


def test_a_triple_click_posts_once(server: Server, visitor: Visitor) -> None:
    # Given a slow server
    visitor.opens(server.check({}) + "/questions/weight_kg")
    visitor.page.route("**/questions/**", lambda route: (time.sleep(0.2), route.continue_())[1])
    posts: list[str] = []
    visitor.page.on("request", lambda request: posts.append(request.url) if request.method == "POST" else None)

    # When somebody clicks three times
    visitor.gives("weight_kg", "70")
    with visitor.another_page():
        visitor.page.get_by_role("button", name="Continue", exact=True).click(click_count=3)

    # Then the answer is sent once
    assert len(posts) == 1


def test_a_failure_of_the_server_is_told(server: Server, visitor: Visitor, monkeypatch: pytest.MonkeyPatch) -> None:
    # Given a server that cannot save at the moment
    visitor.opens(server.check({}) + "/questions/weight_kg")
    with monkeypatch.context() as broken:
        broken.setattr(actions, "give_answers", failing)

        # When an answer is sent
        visitor.gives("weight_kg", "70")
        visitor.page.get_by_role("button", name="Continue", exact=True).click()

        # Then a banner says that it was not saved, and what was typed is still there
        visitor.page.get_by_text("Your answer was not saved").wait_for()
        assert visitor.is_focused("#app-notice")
        assert visitor.page.locator("#weight_kg").input_value() == "70"
        assert visitor.saved == {}

    # And sending it again, once the server can, saves it and takes the banner away
    visitor.page.wait_for_timeout(1100)  # the button ignores a second click within a second
    visitor.presses("Continue")
    assert visitor.saved == {"weight_kg": 70}
    assert visitor.page.locator("#app-notice").is_hidden()


def failing(*args: object, **kwargs: object) -> None:
    raise RuntimeError("made to fail")


def test_a_lost_connection_is_told(server: Server, visitor: Visitor) -> None:
    # Given a page, and a connection that breaks
    visitor.opens(server.check({}) + "/questions/weight_kg")
    visitor.page.route("**/questions/**", lambda route: route.abort())

    # When an answer is sent
    visitor.gives("weight_kg", "70")
    visitor.page.get_by_role("button", name="Continue", exact=True).click()

    # Then the banner says so
    visitor.page.get_by_text("The server could not be reached.").wait_for()
    visitor.faults[:] = [fault for fault in visitor.faults if not re.search("Failed to fetch|ERR_FAILED", fault)]


# THE CHECK'S ADDRESS


def test_the_address_expires(server: Server, visitor: Visitor) -> None:
    # Given a check whose page tells its address and its end
    check = server.check(LONG_QT)
    visitor.opens(check + "/result")
    assert check.removeprefix("http://") in visitor.text
    assert "It expires on 24 November 2026, 09:30 UTC" in visitor.text

    # When a day has passed
    server.clock.advance(hours=24, seconds=1)
    visitor.opens(check + "/result")

    # Then nothing of it is shown
    assert visitor.heading == "Expired, or not found"
    assert "482" not in visitor.text
    visitor.follows("Go to the start page")
    assert visitor.heading.startswith("Could this patient fit trial")


def test_a_check_can_be_deleted(server: Server, visitor: Visitor) -> None:
    # Given a result
    check = server.check(LONG_QT)
    visitor.opens(check + "/result")

    # When the check is deleted, which takes two steps
    visitor.page.get_by_text("Delete this check now").click()
    visitor.presses("Delete")

    # Then it is gone
    assert visitor.heading.startswith("Could this patient fit trial")
    visitor.opens(check + "/result")
    assert visitor.heading == "Expired, or not found"


def test_no_identifier_is_asked(server: Server, visitor: Visitor) -> None:
    # Given every question there is
    keys = [question.key for question in server.protocol.questions if question.key != "age_years"]
    visitor.opens(server.check(with_unknowns(server.protocol, {})) + "/questions/" + "+".join(keys))

    # Then no field is one for a name, a number or an address, and none invites the browser to remember it
    fields = visitor.page.locator("form input:not([type=hidden]), form select, form textarea")
    found: list[list[str]] = fields.evaluate_all("all => all.map(f => [f.name, f.autocomplete, f.form.autocomplete])")
    allowed = "|".join([*keys, "age_years", r"ecg-\d", r"steroid-\d"])
    for name, own, form in found:
        assert re.fullmatch(rf"({allowed})(-[a-z_]+)?", name), name
        assert "off" in (own, form)
    words = visitor.page.locator("legend, label").all_inner_texts()
    for forbidden in ("name", "initials", "record number", "patient number", "e-mail", "telephone", "postcode"):
        assert not any(forbidden in text.lower().split(" ") for text in words), forbidden


# THE ORDER, AND WHAT IS TAKEN ALONG


@pytest.mark.parametrize("scripts", [True, False], ids=["scripts", "plain"])
def test_the_order_can_be_chosen_and_changed_on_the_way(visit: Visit, scripts: bool) -> None:
    # Given a physician in a hurry, who lets what decides soonest come first
    visitor = visit(PHONE, scripts=scripts)
    visitor.opens("/")
    visitor.presses("Ask what decides soonest")
    assert "order=quickest" in visitor.page.url
    assert len(visitor.asked) == 1

    # When one question after the other is answered, each step has a single one
    for _ in range(3):
        visitor.answers(LONG_QT)
        visitor.presses("Continue")
        assert len(visitor.asked) == 1
    answered = visitor.saved

    # Then the way can be changed without losing an answer
    visitor.follows("Ask section by section")
    assert "order" not in visitor.page.url
    assert visitor.saved == answered
    assert not set(visitor.asked) & set(answered)
    visitor.follows("Ask what decides soonest")
    visitor.screens(LONG_QT)
    assert visitor.heading == "Excluded"
    assert "QTcF: 482 ms (above 470 ms)." in visitor.text


def test_a_reload_shows_the_step_again(visitor: Visitor) -> None:
    visitor.starts_a_check()
    visitor.answers(WOMAN_OF_54)
    visitor.presses("Continue")
    asked, saved = visitor.asked, visitor.saved
    visitor.page.reload()
    assert visitor.asked == asked
    visitor.page.goto(visitor.page.url)
    assert (visitor.asked, visitor.saved) == (asked, saved)


@pytest.mark.parametrize("scripts", [True, False], ids=["scripts", "plain"])
def test_a_note_for_the_chart(server: Server, visit: Visit, scripts: bool) -> None:
    # Given an excluded participant
    visitor, check = visit(scripts=scripts), server.check(LONG_QT)
    visitor.opens(f"{check}/result")

    # When the note is unfolded, it holds the verdict and the answers, and not the check's address
    visitor.page.get_by_text("A note for the chart").click()
    note = visitor.page.locator("#note").input_value()
    assert note.startswith("Eligibility pre-screening for trial NCT05086315")
    for line in ("Excluded: QTcF (E13).", "- QTcF: 482 ms", "It supports a decision; it never makes one."):
        assert line in note
    assert check.rsplit("/", 1)[1] not in note

    # Then it can be copied where a script can do that, and opened as plain text always
    assert visitor.page.get_by_role("button", name="Copy").is_visible() is scripts
    assert visitor.page.request.get(f"{check}/note").text().strip() == note.strip()


def test_what_would_change_it_is_said(server: Server, visitor: Visitor) -> None:
    visitor.opens(f"{server.check(LONG_QT)}/result")
    said = visitor.page.locator(".app-outlook").inner_text()
    assert "Would be likely eligible for" in said
    assert "if QTcF were at most 470 ms." in said
