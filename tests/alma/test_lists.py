from collections.abc import Callable, Iterator
from typing import Any

import pytest

from almahook.alma import AlmaClient

from .conftest import Script


def page(*ids: str, total: Any = None, key: str = "member") -> dict[str, Any]:
    found: dict[str, Any] = {key: [{"id": one} for one in ids]}
    return found if total is None else {**found, "total_record_count": total}


def offsets(alma: Script) -> list[str]:
    return [seen.query["offset"] for seen in alma.seen]


def ids(entries: Iterator[dict[str, Any]]) -> list[str]:
    return [entry["id"] for entry in entries]


def test_a_list_is_read_to_its_total(client: AlmaClient, alma: Script) -> None:
    alma.answer(page("1", "2", total=3)).answer(page("3", total="3"))
    assert ids(client.pages("/conf/sets/5/members", "member", limit=2)) == ["1", "2", "3"]
    assert offsets(alma) == ["0", "2"]
    assert alma.seen[0].query["limit"] == "2"


def test_a_short_page_in_the_middle_loses_nothing(client: AlmaClient, alma: Script) -> None:
    alma.answer(page("1", total=2)).answer(page("2", total=2))
    assert ids(client.get_set_members("5")) == ["1", "2"]
    assert offsets(alma) == ["0", "1"]


@pytest.mark.parametrize(
    "body", [{}, {"member": None}, {"member": {"id": "1"}}, {"total_record_count": 7}]
)
def test_a_missing_key_is_an_empty_list(
    body: dict[str, Any], client: AlmaClient, alma: Script
) -> None:
    alma.answer(body)
    assert ids(client.get_set_members("5")) == []
    assert len(alma.seen) == 1


def test_without_a_total_a_short_page_is_the_last(client: AlmaClient, alma: Script) -> None:
    alma.answer(page("1", "2")).answer(page("3"))
    assert ids(client.pages("/x", "member", limit=2)) == ["1", "2", "3"]


def test_a_list_starts_where_it_is_told(client: AlmaClient, alma: Script) -> None:
    alma.answer(page("9", total=9))
    assert ids(client.pages("/x", "member", {"offset": 8, "status": "ACTIVE"}, limit=500)) == ["9"]
    assert alma.seen[0].query == {"offset": "8", "status": "ACTIVE", "limit": "100"}


def test_pages_are_read_only_as_far_as_they_are_wanted(client: AlmaClient, alma: Script) -> None:
    alma.answer(page("1", total=1000))
    assert next(client.get_set_members("5"))["id"] == "1"
    assert len(alma.seen) == 1


@pytest.mark.parametrize(
    ("call", "path", "key"),
    [
        (lambda c: c.get_loans("a/b"), "/users/a%2Fb/loans", "item_loan"),
        (lambda c: c.get_requests("amendez"), "/users/amendez/requests", "user_request"),
        (lambda c: c.get_holding_items("99"), "/bibs/99/holdings/ALL/items", "item"),
        (lambda c: c.get_job_instances("M47"), "/conf/jobs/M47/instances", "job_instance"),
        (lambda c: c.get_set_members("5"), "/conf/sets/5/members", "member"),
    ],
)
def test_a_helper_lists_almas_path(
    call: Callable[[AlmaClient], Iterator[dict[str, Any]]],
    path: str,
    key: str,
    client: AlmaClient,
    alma: Script,
) -> None:
    alma.answer(page("1", total=1, key=key))
    assert ids(call(client)) == ["1"]
    assert alma.seen[0].path == f"/almaws/v1{path}"


def test_many_records_are_read_by_the_hundred(client: AlmaClient, alma: Script) -> None:
    alma.answer(page("0", key="bib", total=1)).answer(page("100", key="bib", total=1))
    wanted = [str(number) for number in range(101)]
    assert ids(client.get_bibs(wanted, view="brief")) == ["0", "100"]
    assert [seen.query["mms_id"] for seen in alma.seen] == [",".join(wanted[:100]), "100"]
    assert alma.seen[0].query["view"] == "brief"


def test_no_records_are_read_without_a_call(client: AlmaClient, alma: Script) -> None:
    assert list(client.get_bibs([])) == []
    assert alma.seen == []


def test_an_unknown_record_does_not_hide_the_others(client: AlmaClient, alma: Script) -> None:
    alma.fault("402203").answer(page("1", key="bib", total=1)).fault("402203")
    assert ids(client.get_bibs(["1", "2"])) == ["1"]


def test_records_that_do_not_exist_are_left_out(client: AlmaClient, alma: Script) -> None:
    error = {"errorCode": "402203", "errorMessage": "Input parameters mmsId 1 is not valid."}
    alma.answer({"errorsExist": True, "errorList": {"error": [error]}, "total_record_count": 0})
    assert list(client.get_bibs(["1", "2"])) == []
    assert len(alma.seen) == 1
