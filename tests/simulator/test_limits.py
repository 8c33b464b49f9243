import httpx2
import pytest


def code_of(answer: httpx2.Response) -> str:
    return answer.json()["errorList"]["error"][0]["errorCode"]


def test_too_many_calls_in_a_second_are_refused(alma, api):
    alma.limits.per_second = 3
    answers = [api.get("/conf/test") for _ in range(8)]
    refused = [answer for answer in answers if answer.status_code == 429]
    assert refused
    assert code_of(refused[0]) == "PER_SECOND_THRESHOLD"
    assert "HTTP requests are more than allowed per second" in refused[0].text
    assert "retry-after" not in refused[0].headers


def test_the_usual_limit_is_25_a_second(alma):
    assert alma.limits.per_second == 25
    assert [alma.limits.count() for _ in range(25)] == [None] * 25


def test_the_quota_of_the_day_runs_out(alma, api):
    alma.limits.remaining = 2
    answers = [api.get("/conf/test") for _ in range(3)]
    assert [answer.status_code for answer in answers] == [200, 200, 429]
    assert [answer.headers["x-exl-api-remaining"] for answer in answers] == ["1", "0", "0"]
    assert code_of(answers[2]) == "DAILY_THRESHOLD"


def test_a_fault_happens_so_many_times(alma, api):
    alma.faults.add("/users/*", status=503, times=2)
    assert [api.get("/users/amendez").status_code for _ in range(3)] == [503, 503, 200]
    assert api.get("/conf/test").status_code == 200


def test_a_fault_may_last_until_it_is_cleared(alma, api):
    alma.faults.add("*/users/*", status=500, times=None, error_code="GENERAL_ERROR")
    answers = [api.get("/users/amendez") for _ in range(3)]
    assert {code_of(answer) for answer in answers} == {"GENERAL_ERROR"}
    alma.faults.clear()
    assert api.get("/users/amendez").status_code == 200


def test_a_fault_may_be_a_page_that_is_not_json(alma, api):
    alma.faults.add("/users/*", status=502, body=b"<html>Bad gateway</html>")
    answer = api.get("/users/amendez")
    assert (answer.status_code, answer.text) == (502, "<html>Bad gateway</html>")


def test_a_fault_may_be_slow_and_then_right(alma, api):
    alma.faults.add("/users/*", delay_s=0.3)
    with pytest.raises(httpx2.ReadTimeout):
        api.get("/users/amendez", timeout=0.05)
    assert api.get("/users/amendez").status_code == 200


def test_a_fault_may_cut_the_connection(alma, api):
    alma.faults.add("/users/*", drop_connection=True)
    with pytest.raises((httpx2.RemoteProtocolError, httpx2.ReadError)):
        api.get("/users/amendez")
    assert api.get("/users/amendez").status_code == 200
    assert [call.status for call in alma.calls] == [None, 200]
