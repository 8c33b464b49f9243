import logging
import subprocess
import sys
from collections.abc import Callable
from typing import Any

import httpx2
import pytest

from almahook.alma import AlmaClient
from almahook.errors import AlmaError, AlmaKeyError, AlmaResponseError, ConfigurationError
from almahook.events import UserRecord

from .conftest import KEY, Script


def test_the_key_goes_in_a_header_only(client: AlmaClient, alma: Script) -> None:
    client.get("/bibs/99", {"view": "full"})
    (seen,) = alma.seen
    assert seen.headers["authorization"] == f"apikey {KEY}"
    assert seen.headers["accept"] == "application/json"
    assert KEY not in seen.target


def test_the_repr_shows_the_host_and_no_key(client: AlmaClient, alma: Script) -> None:
    assert repr(client) == f"AlmaClient('{alma.url}/almaws/v1')"


@pytest.mark.parametrize("key", ["", "  ", "two words", "a\nb", "schlüssel"])
def test_a_key_that_is_none_is_refused_without_being_shown(key: str) -> None:
    with pytest.raises(ConfigurationError) as error:
        AlmaClient(api_key=key)
    assert not key.strip() or key not in str(error.value)


def test_blanks_around_a_key_are_not_the_keys(
    make_client: Callable[..., AlmaClient], alma: Script
) -> None:
    make_client(api_key=f" {KEY}\n").get("/bibs/99")
    assert alma.seen[0].headers["authorization"] == f"apikey {KEY}"


def test_nothing_of_a_call_is_logged_by_the_http_library(
    client: AlmaClient, alma: Script, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    alma.fault("PER_SECOND_THRESHOLD", status=429).answer({"primary_id": "amendez"})
    client.get_user("amendez")
    lines = [record.getMessage() + str(vars(record)) for record in caplog.records]
    assert [record.name for record in caplog.records] == ["almahook.alma"]
    assert not [line for line in lines if "amendez" in line or KEY in line]


def test_another_program_keeps_its_own_lines_of_the_http_library(
    client: AlmaClient, alma: Script, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    client.get("/bibs/99")
    httpx2.get(alma.url)
    assert [record.name for record in caplog.records] == ["httpx2"]


def test_a_closed_client_says_so(client: AlmaClient) -> None:
    with client:
        pass
    with pytest.raises(AlmaError, match="closed"):
        client.get("/bibs/99")


def test_parameters_are_spelled_as_alma_does(client: AlmaClient, alma: Script) -> None:
    client.get(
        "/bibs?view=brief", {"a": True, "b": None, "c": ["1", "2"]}, view="full", d=False, e=3
    )
    assert alma.seen[0].query == {"view": "full", "a": "true", "c": "1,2", "d": "false", "e": "3"}


def test_bodies_are_sent_as_json(client: AlmaClient, alma: Script) -> None:
    alma.answer({"id": "1"})
    assert client.post("/conf/sets", {"name": "Méndez"}) == {"id": "1"}
    assert client.put("/conf/sets/1", {"name": "b"}, op="x") == {"id": "1"}
    post, put = alma.seen
    assert (post.method, post.json) == ("POST", {"name": "Méndez"})
    assert (put.method, put.json, put.query) == ("PUT", {"name": "b"}, {"op": "x"})
    assert post.headers["content-type"] == "application/json"


def test_a_deletion_answers_nothing(client: AlmaClient, alma: Script) -> None:
    alma.answer(None, status=204)
    client.delete("/users/amendez/requests/5", {"reason": "CancelledAtPatronRequest"})
    (seen,) = alma.seen
    assert (seen.method, seen.query) == ("DELETE", {"reason": "CancelledAtPatronRequest"})


def test_an_empty_body_is_an_empty_mapping(client: AlmaClient, alma: Script) -> None:
    alma.answer(b" ")
    assert client.get("/bibs/99") == {}


@pytest.mark.parametrize("body", [b"<html>", b"[]", b"{", b"\xff", b"[" * 100_000])
def test_an_answer_that_is_no_json_object_is_an_error(
    body: bytes, client: AlmaClient, alma: Script
) -> None:
    alma.answer(body)
    with pytest.raises(AlmaResponseError, match="no JSON object"):
        client.get("/bibs/99")


def test_the_calls_left_today_are_known(client: AlmaClient, alma: Script) -> None:
    assert client.remaining is None
    alma.answer({}, headers={"X-Exl-Api-Remaining": "299000"})
    alma.answer({}, headers={"X-Exl-Api-Remaining": "soon"})
    alma.answer({}, headers={"X-Exl-Api-Remaining": "9" * 5000})
    for _ in range(3):
        client.get("/bibs/99")
    assert client.remaining == 299000


def test_the_test_of_a_key_reads_no_body(client: AlmaClient, alma: Script) -> None:
    alma.answer(b"<test>ok</test>").fault("UNAUTHORIZED")
    client.test()
    assert alma.seen[0].path == "/almaws/v1/conf/test"
    with pytest.raises(AlmaKeyError):
        client.test()


def test_a_redirect_on_the_same_host_is_followed(client: AlmaClient, alma: Script) -> None:
    link = "/almaws/v1/bibs/99/holdings/22/items/23"
    for location in (link, f"{alma.url}{link}"):
        alma.answer(None, status=302, headers={"Location": location})
        alma.answer({"item_data": {"barcode": "A 1"}})
    for _ in range(2):
        assert client.get_item_by_barcode("A 1") == {"item_data": {"barcode": "A 1"}}
    assert alma.seen[0].query == {"item_barcode": "A 1"}
    assert [seen.path for seen in alma.seen[1::2]] == [link, link]


def test_a_redirect_to_another_host_is_not_followed(
    client: AlmaClient, alma: Script, other_host: Script
) -> None:
    location = f"{other_host.url}/almaws/v1/bibs/99"
    alma.answer(None, status=302, headers={"Location": location})
    with pytest.raises(AlmaError, match="another host"):
        client.get_item_by_barcode("A1")
    assert other_host.seen == []


def test_redirects_end(client: AlmaClient, alma: Script) -> None:
    alma.answer(None, status=302, headers={"Location": "/almaws/v1/items"})
    with pytest.raises(AlmaResponseError, match="HTTP 302"):
        client.get_item_by_barcode("A1")
    assert len(alma.seen) == 4


def test_a_post_is_not_redirected(client: AlmaClient, alma: Script) -> None:
    alma.answer(None, status=307, headers={"Location": "/almaws/v1/items"})
    with pytest.raises(AlmaResponseError):
        client.post("/conf/sets", {})
    assert len(alma.seen) == 1


def test_a_user_is_read(client: AlmaClient, alma: Script) -> None:
    alma.answer({"primary_id": "amendez"})
    user = client.get_user("31251", user_id_type="BARCODE", view="full", expand="loans")
    assert isinstance(user, UserRecord)
    assert user.primary_id == "amendez"
    assert alma.seen[0].query == {"user_id_type": "BARCODE", "view": "full", "expand": "loans"}


ITEM = "/bibs/99/holdings/22/items/23"

HELPERS: list[tuple[Callable[[AlmaClient], Any], str, str, dict[str, str]]] = [
    (lambda c: c.get_bib("99", expand="p_avail"), "GET", "/bibs/99", {"expand": "p_avail"}),
    (lambda c: c.get_item("99", "22", "23"), "GET", ITEM, {}),
    (
        lambda c: c.scan_in("99", "22", "23", library="MAIN", circ_desk="DESK"),
        "POST",
        ITEM,
        {"op": "scan", "library": "MAIN", "circ_desk": "DESK", "done": "true"},
    ),
    (lambda c: c.get_job("M47"), "GET", "/conf/jobs/M47", {}),
    (lambda c: c.get_job_instance("M47", "1"), "GET", "/conf/jobs/M47/instances/1", {}),
    (lambda c: c.get_set("5"), "GET", "/conf/sets/5", {}),
    (lambda c: c.get_code_table("WebhookEvents"), "GET", "/conf/code-tables/WebhookEvents", {}),
]


@pytest.mark.parametrize(("call", "expected"), [(call, rest) for call, *rest in HELPERS])
def test_a_helper_calls_almas_path(
    call: Callable[[AlmaClient], Any], expected: list[Any], client: AlmaClient, alma: Script
) -> None:
    alma.answer({"id": "x"})
    assert call(client) == {"id": "x"}
    (seen,) = alma.seen
    assert [seen.method, seen.path.removeprefix("/almaws/v1"), seen.query] == expected


def test_a_job_is_run_with_its_parameters(client: AlmaClient, alma: Script) -> None:
    client.run_job("M47", {"set_id": "5"})
    client.run_job("S1")
    assert [seen.json for seen in alma.seen] == [
        {"parameter": [{"name": {"value": "set_id"}, "value": "5"}]},
        {},
    ]
    assert alma.seen[0].query == {"op": "run"}


def test_a_set_is_made(client: AlmaClient, alma: Script) -> None:
    alma.answer({"id": "5"})
    assert client.create_set("New", content="BIB_MMS", members=["1", "2"]) == {"id": "5"}
    body = alma.seen[0].json
    assert body["content"] == {"value": "BIB_MMS"}
    assert body["private"] == {"value": "true"}
    assert body["members"] == {"member": [{"id": "1"}, {"id": "2"}]}
    client.create_set("Empty", content="ITEM", private=False)
    assert "members" not in alma.seen[1].json


def test_without_its_extra_the_room_says_what_to_install() -> None:
    code = (
        "import sys; sys.modules['httpx2'] = None\n"
        "from almahook.errors import MissingExtraError\n"
        "try:\n    import almahook.alma\n"
        "except MissingExtraError as error:\n    print(error)"
    )
    result = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    )
    assert "pip install 'almahook[alma]'" in result.stdout
