import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import pytest

from almahook.alma import AlmaClient, RateLimiter
from almahook.errors import AlmaRateError, ConfigurationError

from .conftest import Script, Time


@pytest.mark.parametrize("rate", [0, -1, float("nan"), float("inf")])
def test_a_rate_that_is_none_names_the_setting(rate: float) -> None:
    with pytest.raises(ConfigurationError, match="api_calls_per_second"):
        RateLimiter(rate)


def test_calls_are_spaced_evenly(time: Time) -> None:
    limiter = RateLimiter(20, clock=time.clock, sleep=time.sleep)
    started = time.now
    for _ in range(41):
        limiter.wait()
    assert time.now - started == pytest.approx(2.0)


def test_a_first_call_and_one_after_a_pause_do_not_wait(time: Time) -> None:
    limiter = RateLimiter(20, clock=time.clock, sleep=time.sleep)
    limiter.wait()
    time.now += 60
    limiter.wait()
    assert time.slept == []


def test_a_pause_saves_nothing_up(time: Time) -> None:
    limiter = RateLimiter(10, clock=time.clock, sleep=time.sleep)
    limiter.wait()
    time.now += 60
    for _ in range(3):
        limiter.wait()
    assert time.slept == pytest.approx([0.1, 0.1])


def test_threads_get_turns_of_their_own() -> None:
    # The clock stands still, so each thread's sleep says which turn it got.
    slept: list[float] = []
    lock = threading.Lock()

    def sleep(seconds: float) -> None:
        with lock:
            slept.append(seconds)

    limiter = RateLimiter(10, clock=lambda: 0.0, sleep=sleep)
    with ThreadPoolExecutor(8) as pool:
        for done in [pool.submit(limiter.wait) for _ in range(100)]:
            done.result()
    assert sorted(slept) == pytest.approx([turn / 10 for turn in range(1, 100)])


def test_a_turn_that_is_too_far_off_is_not_taken(time: Time) -> None:
    limiter = RateLimiter(1, clock=lambda: 0.0, sleep=lambda _: None)
    limiter.wait()
    with pytest.raises(AlmaRateError, match="api_calls_per_second"):
        limiter.wait(longest_s=0.5)
    limiter.wait(longest_s=1.0)


def test_clients_of_one_institution_share_a_limiter(
    make_client: Callable[..., AlmaClient], alma: Script, time: Time
) -> None:
    limiter = RateLimiter(10, clock=time.clock, sleep=time.sleep)
    first, second = make_client(limiter=limiter), make_client(limiter=limiter)
    first.get("/bibs/99")
    second.get("/bibs/99")
    assert time.slept == pytest.approx([0.1])


def test_one_client_serves_many_threads(client: AlmaClient, alma: Script) -> None:
    alma.answer({"mms_id": "99"}, headers={"X-Exl-Api-Remaining": "7"})
    with ThreadPoolExecutor(8) as pool:
        found = list(pool.map(client.get_bib, ["99"] * 40))
    assert found == [{"mms_id": "99"}] * 40
    assert (len(alma.seen), client.remaining) == (40, 7)
