import pytest
from hypothesis import given
from hypothesis import strategies as st

from almahook.worker.tenure import Tenure

LEASE_S = 30.0
WALL = 1_700_000_000.0


def renewed(*, wall: float = WALL, steady: float = 100.0) -> Tenure:
    tenure = Tenure(LEASE_S)
    tenure.renewed(wall=wall, steady=steady)
    return tenure


def test_leases_are_renewed_well_before_they_run_out():
    tenure = renewed()
    assert not tenure.is_renewal_due(wall=WALL + 9, steady=109)
    assert tenure.is_renewal_due(wall=WALL + 10, steady=110)


def test_nothing_was_renewed_before_the_first_time():
    assert Tenure(LEASE_S).is_renewal_due(wall=WALL, steady=0.0)


@pytest.mark.parametrize("leap_s", [-86_400, 86_400])
def test_a_clock_that_is_set_does_not_make_a_renewal_late(leap_s):
    tenure = renewed()
    assert tenure.is_renewal_due(wall=WALL + leap_s + 10, steady=110)


def test_a_machine_that_slept_renews_at_once():
    assert renewed().is_renewal_due(wall=WALL + 3600, steady=100.5)


@given(steps=st.lists(st.tuples(st.floats(0, 100), st.floats(-9.9, 9.9)), max_size=50))
def test_without_a_leap_leases_that_have_run_out_are_lost(steps):
    tenure = Tenure(LEASE_S)
    wall, steady = WALL, 100.0
    for passed_s, drift_s in steps:
        wall, steady = wall + passed_s + drift_s, steady + passed_s
        assert tenure.may_recover(wall=wall, steady=steady)


def test_after_a_leap_forward_everybody_is_given_the_time_to_renew():
    tenure = Tenure(LEASE_S)
    assert tenure.may_recover(wall=WALL, steady=100)
    assert not tenure.may_recover(wall=WALL + 3600, steady=101)
    assert not tenure.may_recover(wall=WALL + 3628, steady=129)
    assert tenure.may_recover(wall=WALL + 3630, steady=131)


def test_a_clock_that_is_set_back_does_not_hold_a_recovery_up():
    tenure = Tenure(LEASE_S)
    assert tenure.may_recover(wall=WALL, steady=100)
    assert tenure.may_recover(wall=WALL - 3600, steady=101)
