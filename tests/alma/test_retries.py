import socket
from collections.abc import Callable

import pytest

from almahook.alma import AlmaClient, RateLimiter
from almahook.alma.call import Answer, Unanswered
from almahook.alma.retry import wait_s
from almahook.errors import (
    AlmaError,
    AlmaQuotaError,
    AlmaRateError,
    AlmaResponseError,
    AlmaUnreachableError,
)

from .conftest import Script, Time

Make = Callable[..., AlmaClient]


@pytest.mark.parametrize("code", ["PER_SECOND_THRESHOLD", ""])
def test_too_many_calls_a_second_are_waited_out_by_every_method(
    code: str, client: AlmaClient, alma: Script, time: Time
) -> None:
    alma.fault(code, status=429).fault(code, status=429).answer({"id": "1"})
    assert client.post("/conf/sets", {}) == {"id": "1"}
    assert time.slept == [2.0, 2.0]


@pytest.mark.parametrize(("spread", "wait"), [(0.0, 1.0), (0.999, 2.998)])
def test_the_wait_for_the_next_second_is_spread_from_1_to_3_s(spread: float, wait: float) -> None:
    answer = Answer(status=429)
    assert wait_s(answer, method="GET", attempt=1, spread=spread) == pytest.approx(wait)


def test_too_many_calls_a_second_end_as_an_error(
    make_client: Make, alma: Script, time: Time
) -> None:
    alma.fault("PER_SECOND_THRESHOLD", status=429)
    with pytest.raises(AlmaRateError):
        make_client(max_tries=3).get("/bibs/99")
    assert len(alma.seen) == 3


@pytest.mark.parametrize("method", ["get", "put", "delete"])
def test_a_server_error_is_tried_again_where_that_is_safe(
    method: str, client: AlmaClient, alma: Script, time: Time
) -> None:
    alma.answer(b"<html>", status=503).answer(b"", status=500).answer({})
    args = ["/bibs/99", {}] if method == "put" else ["/bibs/99"]
    getattr(client, method)(*args)
    assert [seen.method for seen in alma.seen] == [method.upper()] * 3
    assert time.slept == [0.375, 0.75]


def test_a_post_is_not_repeated_after_a_server_error(client: AlmaClient, alma: Script) -> None:
    alma.answer(None, status=502)
    with pytest.raises(AlmaResponseError, match="HTTP 502"):
        client.run_job("M47")
    assert len(alma.seen) == 1


@pytest.mark.parametrize("status", [400, 403, 404, 409, 418])
def test_another_refusal_is_never_repeated(status: int, client: AlmaClient, alma: Script) -> None:
    alma.fault("401000", status=status)
    with pytest.raises(AlmaResponseError):
        client.get("/bibs/99")
    assert len(alma.seen) == 1


def test_a_read_whose_connection_broke_is_tried_again(client: AlmaClient, alma: Script) -> None:
    alma.answer(drop=True).answer({"mms_id": "99"})
    assert client.get_bib("99") == {"mms_id": "99"}


def test_a_post_whose_connection_broke_is_not(client: AlmaClient, alma: Script) -> None:
    alma.answer(drop=True)
    with pytest.raises(AlmaUnreachableError, match="broke"):
        client.run_job("M47")
    assert len(alma.seen) == 1


@pytest.mark.parametrize("method", ["get", "post"])
def test_a_connection_that_is_not_made_is_tried_again(
    method: str, make_client: Make, time: Time
) -> None:
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{closed.getsockname()[1]}"
        client = make_client(base_url=url, max_tries=3)
        with pytest.raises(AlmaUnreachableError, match="cannot be reached"):
            getattr(client, method)("/users/amendez")
    assert len(time.slept) == 2


def test_a_time_out_is_not_tried_again_and_hides_the_id(make_client: Make, alma: Script) -> None:
    alma.answer(hang=True)
    with pytest.raises(AlmaUnreachableError) as error:
        make_client(timeout_s=0.2).get_user("amendez")
    assert "within 0.2 s" in str(error.value)
    assert "GET /users/…" in str(error.value)
    assert len(alma.seen) == 1


def test_an_answer_that_trickles_in_ends_at_the_time_out() -> None:
    # The clock makes a jump with every chunk, as if it had taken a minute to arrive.
    from almahook.alma.address import Address
    from almahook.alma.exchange import Exchange, Pace
    from almahook.alma.extra import httpx2

    minutes = iter(range(0, 6000, 60))
    pace = Pace(
        timeout_s=30.0,
        max_tries=1,
        sleep=lambda _: None,
        clock=lambda: 0.0,
        random=lambda: 0.0,
        monotonic=lambda: next(minutes),
    )
    with httpx2.Client() as http:
        exchange = Exchange(
            http=http, address=Address("http://x/almaws/v1"), limiter=RateLimiter(), pace=pace
        )
        endless = httpx2.Response(200, content=(b"x" for _ in range(1000)))
        assert exchange._read(endless) == Unanswered("timeout")


def test_no_try_begins_after_three_time_outs(make_client: Make, alma: Script) -> None:
    alma.fault("PER_SECOND_THRESHOLD", status=429)
    with pytest.raises(AlmaRateError):
        make_client(timeout_s=0.5, max_tries=100).get("/bibs/99")
    assert len(alma.seen) == 1


@pytest.mark.parametrize(("code", "text"), [("DAILY_THRESHOLD", ""), ("X", "Daily quota reached")])
def test_after_the_days_quota_no_call_goes_out_until_midnight_gmt(
    code: str, text: str, client: AlmaClient, alma: Script, time: Time
) -> None:
    alma.fault(code, text, status=429).answer({"mms_id": "99"})
    for _ in range(3):
        with pytest.raises(AlmaQuotaError, match="midnight GMT"):
            client.get_bib("99")
    assert len(alma.seen) == 1
    midnight = (time.now // 86_400 + 1) * 86_400
    time.now = midnight - 1
    with pytest.raises(AlmaQuotaError):
        client.get_bib("99")
    time.now = midnight
    assert client.get_bib("99") == {"mms_id": "99"}


def test_the_days_quota_is_shared_by_an_institutions_clients(
    make_client: Make, alma: Script
) -> None:
    limiter = RateLimiter(1e6)
    first, second = make_client(limiter=limiter), make_client(limiter=limiter)
    alma.fault("DAILY_THRESHOLD", status=429)
    for client in (first, second):
        with pytest.raises(AlmaQuotaError):
            client.get_bib("99")
    assert len(alma.seen) == 1
    with pytest.raises(AlmaError):
        make_client().get_bib("99")
    assert len(alma.seen) == 2
