"""The formal check of the built-in trial: what it remarks on, and that a seeded fault makes the command fail."""

import json
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest

from app.__main__ import main
from app.rules.protocol import InvalidProtocol
from app.trials import BUILT_IN, read_acknowledged

pytest.importorskip("z3", reason="the formal check is optional")

ROOT = Path(__file__).parents[2]
TEXT = BUILT_IN.read_text()
ACKNOWLEDGED = BUILT_IN.with_suffix(".acknowledged.yaml")


@dataclass(frozen=True)
class Ran:
    """What the command returned and printed."""

    status: int
    lines: list[str]

    def witness(self, name: str) -> str:
        """The first witness of a remark."""
        place = next(number for number, line in enumerate(self.lines) if line.partition(": ")[2] == name)
        return self.lines[place + 2].strip()


Check = Callable[..., Ran]


@pytest.fixture
def check(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Check:
    monkeypatch.delenv("PRESCREEN_DATABASE_URL", raising=False)

    def command(*arguments: object) -> Ran:
        status = main(["check", *map(str, arguments)])
        return Ran(status, capsys.readouterr().out.splitlines())

    return command


def changed(folder: Path, old: str, new: str) -> Path:
    """The built-in trial with one place of its file changed, its acknowledgements beside it."""
    assert old in TEXT
    path = folder / "changed.yaml"
    path.write_text(TEXT.replace(old, new, 1))
    path.with_suffix(".acknowledged.yaml").write_text(ACKNOWLEDGED.read_text())
    return path


def test_P15_the_built_in_trial(check: Check) -> None:
    """Every remark is acknowledged, and every acknowledgement is needed."""
    ran = check("--strict")
    assert (ran.status, ran.lines[-1]) == (0, "nct05086315.yaml: valid, 0 errors, 0 warnings, 17 notes.")
    assert [line for line in ran.lines if line.startswith(("error", "warning"))] == []


def test_each_remark_on_it_is_explained() -> None:
    page = (ROOT / "docs" / "check.md").read_text()
    for acknowledged in read_acknowledged():
        place, _, claim = acknowledged.name.partition(": ")
        assert f"| {place} | {claim} |" in page


SEEDED = {
    "overlapping arms": (
        "{compare: [age_years, '<', 18]}\n\n    - name: in_japan",
        "{compare: [age_years, '<', 19]}\n\n    - name: in_japan",
        "question age_years: adult-escalation, adult-expansion-aml, adult-expansion-mds, japan and "
        "pediatric-escalation, pediatric-expansion share the ages 18 to under 19, but not all",
    ),
    "a gap of ages": (
        "rule: {compare: [age_years, '>=', 18]}\n\n    - name: pediatric",
        "rule: {compare: [age_years, '>=', 21]}\n\n    - name: pediatric",
        "question age_years: no cohort admits at the ages 18 to under 21 who would be admitted younger and older",
    ),
    "an inverted range": (
        "- {compare: [age_years, '<', 18]}\n",
        "- {compare: [age_years, '<', 16]}\n",
        'criterion E1: {"all": [{"compare": ["age_years", ">=", 16]}, {"compare": ["age_years", "<", 16]}, '
        '{"compare": ["karnofsky", "<", 50]}]} is never true',
    ),
    "a criterion that can never fail": ("[weight_kg, '>=', 10]", "[weight_kg, '>=', 0.5]", "criterion I5: never fails"),
    "a cohort that nobody can enter": (
        "[{term: adult}, {not: {term: in_japan}}, {is: {diagnosis: [mds]}}]",
        "[{term: adult}, {term: pediatric}, {is: {diagnosis: [mds]}}]",
        "cohort adult-expansion-mds: admits nobody",
    ),
    "an admission that another criterion closes": (
        "[{term: adult}, {not: {term: in_japan}}, {is: {diagnosis: [mds]}}]",
        "[{term: adult}, {not: {term: in_japan}}, {is: {diagnosis: [jmml]}}]",
        "cohort adult-expansion-mds: admits, but nobody whom it admits is eligible",
    ),
    "a reading that never decides": (
        "{is: {cns_status: [cns2]}}, {term: adult}, {reading: X5}",
        "{is: {cns_status: [cns3]}}, {term: adult}, {reading: X5}",
        "reading X5: never decides",
    ),
    "an unreachable option": (
        "{value: car_nk, label: CAR-NK cells}",
        "{value: car_nk, label: CAR-NK cells}\n        - {value: tcr, label: TCR-T cells}",
        "question prior_cellular_therapy: option tcr never decides",
    ),
    "a question not asked of all whom it decides": (
        "relevant: {is: {diagnosis: [mds, b_all]}}",
        "relevant: {is: {diagnosis: [mds]}}",
        "group disease: may stay unknown although all that is asked is answered",
    ),
}


@pytest.mark.parametrize("seeded", SEEDED)
def test_P15_a_seeded_fault_fails_with_a_witness(
    check: Check, tmp_path: Path, capsys: pytest.CaptureFixture[str], seeded: str
) -> None:
    """The witness goes back through `screen`, which says of the participant what the remark said."""
    old, new, name = SEEDED[seeded]
    path = changed(tmp_path, old, new)
    ran = check("--strict", path)
    assert ran.status == 1
    said = ran.lines[ran.lines.index(f"    {ran.witness(name)}") - 1].strip()
    participant = tmp_path / "witness.json"
    participant.write_text(ran.witness(name))
    assert main(["screen", "--json", "--trial", str(path), str(participant)]) == 0
    assert said.startswith(json.loads(capsys.readouterr().out)["verdict"].replace("_", " "))


def test_an_acknowledgement_that_is_no_longer_needed(check: Check, tmp_path: Path) -> None:
    path = changed(tmp_path, "label: Not of childbearing potential", "label: Not possible")
    beside = path.with_suffix(".acknowledged.yaml")
    beside.write_text(beside.read_text() + "\n- {remark: 'cohort japan: admits nobody', why: It is closed.}\n")
    ran = check("--strict", path)
    assert "warning: acknowledged: does not occur: cohort japan: admits nobody" in ran.lines
    assert ran.status == 1


def test_notes_show_their_witnesses_on_demand(check: Check) -> None:
    lines = check("--witnesses").lines
    assert len([line for line in lines if line.startswith('    {"answers"')]) == 17


@pytest.mark.parametrize(
    "text",
    [
        "just: text",
        "- one",
        "- {remark: a}",
        "- {remark: a, why: [b]}",
        "- {remark: a, why: b, c: d}",
        "- {",
        "a: &a [*a]",
    ],
)
def test_acknowledgements_that_cannot_be_read(tmp_path: Path, text: str) -> None:
    (tmp_path / "trial.acknowledged.yaml").write_text(text)
    with pytest.raises(InvalidProtocol, match=r"acknowledged\.yaml"):
        read_acknowledged(tmp_path / "trial.yaml")


def test_no_file_acknowledges_nothing(tmp_path: Path) -> None:
    assert read_acknowledged(tmp_path / "trial.yaml") == ()


# WITHOUT Z3


def test_without_z3_the_command_says_what_was_not_run(check: Check, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("app.__main__.find_spec", lambda name: None)
    ran = check()
    assert (ran.status, ran.lines[0]) == (0, "nct05086315.yaml: valid, 0 errors, 0 warnings, 0 notes.")
    assert "was not run" in ran.lines[1]
    assert check("--strict").status == 1


def test_the_application_never_loads_z3() -> None:
    program = "import sys, app.__main__; sys.exit('z3' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", program], cwd=ROOT, check=False).returncode == 0
