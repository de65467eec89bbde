"""The deliberate faults: that each can still be made. `make faults` makes them and looks whether the tests notice."""

import pytest

from tests.faults import FAULTS, Fault, fits, main


@pytest.mark.parametrize("fault", FAULTS, ids=lambda fault: fault.name)
def test_a_fault_can_be_made(fault: Fault) -> None:
    assert fits(fault), f"the text to replace is no longer in {fault.file}"
    assert fault.instead != fault.text


def test_there_are_ten_at_least() -> None:
    assert len({fault.name for fault in FAULTS}) >= 10


def test_one_is_noticed(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["no version check"]) == 0
    assert "noticed by test_P5_" in capsys.readouterr().out
