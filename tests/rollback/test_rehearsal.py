"""What is rehearsed is what happens: held against the real plan after really applying, and really going back."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.rollback.rehearsing import Scenario, Stack, alike, told
from tests.rollback.scenarios import SCENARIOS, data
from tests.support.terraform import AWS, EXAMPLE, Installation, install, install_version, terraform_or_skip

GOING = {name: scenario for name, scenario in SCENARIOS.items() if not scenario.fails}
FAILING = {name: scenario for name, scenario in SCENARIOS.items() if scenario.fails}


@pytest.fixture(scope="session")
def installation(tmp_path_factory: pytest.TempPathFactory) -> Installation:
    made = install(
        tmp_path_factory.mktemp("rehearsal") / "terraform", terraform=terraform_or_skip(), sources=(AWS, EXAMPLE)
    )
    install_version(made, AWS, "2.0.0", schema=1)
    return made


@pytest.mark.parametrize("name", GOING)
def test_the_rehearsed_plan_is_the_real_one(installation: Installation, tmp_path: Path, name: str) -> None:
    stack = Stack(tmp_path / "stack", installation, GOING[name])
    done = stack.rehearse()
    assert not done.failed, done.said
    rehearsed, real = told(done.plan), told(stack.really_back())
    assert {key: item["actions"] for key, item in rehearsed.items()} == {
        key: item["actions"] for key, item in real.items()
    }
    for key, item in rehearsed.items():
        assert alike(item, real[key]), (key, item, real[key])
    for address, actions in stack.scenario.changes.items():
        assert real[address, ""]["actions"] == list(actions)
    found = stack.compared(done)
    assert bool(found.differences) == stack.scenario.differs, found.differences


@pytest.mark.parametrize("name", FAILING)
def test_what_fails_on_the_way_back_fails_in_the_rehearsal(
    installation: Installation, tmp_path: Path, name: str
) -> None:
    stack = Stack(tmp_path / "stack", installation, FAILING[name])
    done = stack.rehearse()
    assert done.failed == stack.scenario.step
    said, really = " ".join(done.said.split()), " ".join(stack.why_not_back().split())
    assert stack.scenario.fails in said
    assert stack.scenario.fails in really


def test_where_placeholders_mislead_the_address_is_called_approximate(
    installation: Installation, tmp_path: Path
) -> None:
    """The way back keeps ``a``, so that what is derived from it is compared with a placeholder."""
    derived = data("b", '"x-${terraform_data.a.output}"')
    ignoring = data("a", '"1"', "lifecycle {\n    ignore_changes = [input]\n  }")
    stack = Stack(tmp_path / "stack", installation, Scenario(ignoring + derived, data("a", '"2"') + derived))
    done = stack.rehearse()
    rehearsed, real = told(done.plan), told(stack.really_back())
    assert rehearsed["terraform_data.b", ""]["actions"] == ["update"]
    assert real["terraform_data.b", ""]["actions"] == ["no-op"]
    assert "terraform_data.b" in done.unknown
