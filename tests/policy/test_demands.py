from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from iacgate.policy.demands import DEFAULT_HOURS, DEFAULTS, NOTHING, Demand, DemandText, demanded, for_type
from iacgate.vocabulary import Severity

texts = st.builds(
    DemandText,
    st.dictionaries(st.sampled_from(["infra", "security"]), st.integers(1, 3), min_size=1),
    st.integers(1, 500),
    st.sampled_from(["exact", "fingerprint"]),
    st.booleans(),
)
demands = st.dictionaries(st.sampled_from(list(Severity)), texts)


@given(demands, st.sampled_from(list(Severity)), st.sampled_from(list(Severity)))
def test_more_severe_never_asks_for_less(
    given_demands: dict[Severity, DemandText], one: Severity, other: Severity
) -> None:
    low, high = sorted((one, other), key=lambda severity: severity.rank)
    less, more = demanded(given_demands, low), demanded(given_demands, high)
    assert all(more.seats[role] >= count for role, count in less.seats.items())
    if less.seats:
        assert more.valid_hours <= less.valid_hours
        assert less.binding == "fingerprint" or more.binding == "exact"
        assert more.signed_commits or not less.signed_commits


@given(demands)
def test_each_severity_gets_what_it_was_given(given_demands: dict[Severity, DemandText]) -> None:
    for severity, demand in given_demands.items():
        asked = demanded(given_demands, severity)
        assert all(asked.seats[role] >= count for role, count in demand.seats.items())
        assert asked.valid_hours <= (demand.valid_hours or DEFAULT_HOURS)
        assert asked.signed_commits or not demand.signed_commits


def test_what_asks_for_nobody_adds_nothing() -> None:
    quiet = {Severity.LOW: DemandText({}, 1, "exact"), Severity.HIGH: DemandText({"infra": 1}, 200)}
    assert demanded(quiet, Severity.MEDIUM) == NOTHING
    assert demanded(quiet, Severity.HIGH) == Demand({"infra": 1}, 200, "fingerprint")


def test_what_nobody_demands_is_nothing() -> None:
    assert demanded(DEFAULTS, Severity.LOW) == NOTHING
    assert demanded({}, Severity.CRITICAL) == NOTHING
    assert demanded(DEFAULTS, Severity.CRITICAL).seats == {"infra": 1, "security": 1, "operations": 1, "business": 1}


def test_a_type_keeps_what_it_does_not_say() -> None:
    normal = {Severity.HIGH: DemandText({"infra": 1, "security": 1}, 72, "exact", signed_commits=True)}
    own = {Severity.HIGH: DemandText({"infra": 1})}
    assert demanded(for_type(normal, own), Severity.HIGH) == Demand({"infra": 1}, 72, "exact", signed_commits=True)
    said = {Severity.HIGH: DemandText({"infra": 1}, 168, "fingerprint", signed_commits=False)}
    assert demanded(for_type(normal, said), Severity.HIGH) == Demand({"infra": 1}, 168, "fingerprint")
