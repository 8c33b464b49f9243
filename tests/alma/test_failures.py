import pytest
from hypothesis import given
from hypothesis import strategies as st

from almahook.alma import AlmaClient
from almahook.alma.call import Answer, Call
from almahook.alma.failure import error_of
from almahook.alma.mask import mask_message, mask_path
from almahook.errors import AlmaKeyError, AlmaNotFoundError, AlmaResponseError

from .conftest import Script

XML = b"""<?xml version="1.0" encoding="UTF-8" standalone="yes"?>
<web_service_result xmlns="http://com/exlibris/urm/general/xmlbeans">
<errorsExist>true</errorsExist><errorList><error><errorCode>%s</errorCode>
<errorMessage>User with identifier amendez was not found.</errorMessage>
<trackingId>E01-0101190932-VOBYO-AWAE1554214409</trackingId></error></errorList>
</web_service_result>"""


@pytest.mark.parametrize(
    ("code", "status"),
    [
        ("401689", 400),
        ("401694", 400),
        ("401861", 400),
        ("401890", 400),
        ("4019990", 400),
        ("402203", 400),
        ("402204", 400),
        ("", 404),
    ],
)
def test_what_alma_does_not_have_is_not_found(
    code: str, status: int, client: AlmaClient, alma: Script
) -> None:
    alma.fault(code, status=status)
    with pytest.raises(AlmaNotFoundError) as error:
        client.get_user("amendez")
    assert (error.value.error_code, error.value.http_status) == (code, status)
    assert len(alma.seen) == 1


def test_an_unlisted_code_whose_text_says_so_is_not_found(client: AlmaClient, alma: Script) -> None:
    alma.fault("4999999", "Loan with ID 7 was not found.")
    with pytest.raises(AlmaNotFoundError):
        client.get("/users/amendez/loans/7")


def test_a_write_that_misses_something_is_not_taken_for_not_found(
    client: AlmaClient, alma: Script
) -> None:
    alma.fault("401129", "Pickup library was not found.")
    with pytest.raises(AlmaResponseError) as error:
        client.post("/bibs/99/requests", {})
    assert type(error.value) is AlmaResponseError


@pytest.mark.parametrize(
    ("code", "status"),
    [("UNAUTHORIZED", 400), ("INVALID_API_KEY", 400), ("FORBIDDEN", 403), ("", 401), ("", 403)],
)
def test_a_key_that_alma_does_not_take_names_the_right_that_it_needs(
    code: str, status: int, client: AlmaClient, alma: Script
) -> None:
    alma.fault(code, status=status)
    with pytest.raises(AlmaKeyError, match="area Users, Read-only"):
        client.get_user("amendez")
    with pytest.raises(AlmaKeyError, match="area Configuration, Read/write"):
        client.run_job("M47")


def test_an_error_in_xml_is_read(client: AlmaClient, alma: Script) -> None:
    alma.answer(XML % b"401861", status=400)
    with pytest.raises(AlmaNotFoundError) as error:
        client.get_user("amendez")
    assert error.value.tracking_id == "E01-0101190932-VOBYO-AWAE1554214409"


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"<html><h1>Bad Gateway</h1>",
        b"<!DOCTYPE x [<!ENTITY y 'z'>]><x>&y;</x>",
        b"not json",
        b"[]",
        b'{"errorList":null}',
        b'{"errorList":{"error":[]}}',
        b'{"errorList":{"error":"x"}}',
        b'{"errorList":{"error":[{"errorCode":{"a":1},"trackingId":["amendez"]}]}}',
        b"[" * 100_000,
        b"\xff\xfe",
    ],
)
def test_an_error_without_a_readable_body_still_has_its_status(
    body: bytes, client: AlmaClient, alma: Script
) -> None:
    alma.answer(body, status=400)
    with pytest.raises(AlmaResponseError) as error:
        client.get_user("amendez")
    assert (error.value.http_status, error.value.error_code) == (400, "")
    assert "amendez" not in str(error.value)


@given(st.binary(), st.integers(300, 599))
def test_any_answer_makes_a_typed_error(body: bytes, status: int) -> None:
    call = Call(method="GET", path="/users/amendez")
    assert isinstance(error_of(call, Answer(status=status, body=body)), AlmaResponseError)


def test_an_error_in_a_200_is_an_error(client: AlmaClient, alma: Script) -> None:
    alma.fault("402203", status=200)
    with pytest.raises(AlmaNotFoundError):
        client.get("/bibs", mms_id="99")


def test_the_text_says_what_support_asks_for(client: AlmaClient, alma: Script) -> None:
    alma.fault("401861", "User with identifier amendez was not found.", tracking_id="E01-77")
    with pytest.raises(AlmaNotFoundError) as error:
        client.get("/users/amendez/loans", limit=1)
    assert str(error.value) == (
        "Alma has no such record (GET /users/…/loans, HTTP 400, code 401861, tracking id E01-77)"
    )


def test_almas_text_about_records_is_kept_without_ids(client: AlmaClient, alma: Script) -> None:
    alma.fault("402203", "Input parameters mmsId 99123 is not valid.")
    with pytest.raises(AlmaNotFoundError, match='Alma says: "Input parameters mmsId … is not'):
        client.get_bib("99123")


@pytest.mark.parametrize(
    "path", ["/users/amendez", "/users/items", "/bibs/99/loans", "/bibs/99/requests/5"]
)
def test_almas_text_about_readers_is_not_kept(path: str, client: AlmaClient, alma: Script) -> None:
    alma.fault("401000", "Ana Méndez (amendez) has blocks.")
    with pytest.raises(AlmaResponseError) as error:
        client.get(path)
    assert "Méndez" not in str(error.value)


def test_what_the_caller_has_sent_is_not_in_the_text(client: AlmaClient, alma: Script) -> None:
    alma.fault(
        "401652", "Set Méndez's of ANA and 5 refused; write to ana@example.edu, 412-555-0123."
    )
    with pytest.raises(AlmaResponseError) as error:
        client.post("/conf/sets", {"name": "Méndez", "members": [{"id": 5}]}, owner="ana")
    assert 'Alma says: "Set …\'s of … and … refused; write to … …."' in str(error.value)


def test_neither_the_error_nor_its_cause_shows_the_id(client: AlmaClient, alma: Script) -> None:
    alma.fault("401861", "User with identifier amendez was not found.")
    with pytest.raises(AlmaNotFoundError) as error:
        client.get_user("amendez")
    assert "amendez" not in repr(error.value) + repr(vars(error.value))
    assert "amendez" not in repr(Call(method="GET", path="/users/amendez"))


@pytest.mark.parametrize(
    ("path", "shown"),
    [
        ("/users/a%2Fb/loans/7", "/users/…/loans/…"),
        ("/users/items", "/users/…"),
        ("/bibs/99/holdings/ALL/items/23", "/bibs/…/holdings/ALL/items/…"),
        ("/conf/jobs/M47/instances/1", "/conf/jobs/…/instances/…"),
        ("/", "/…"),
    ],
)
def test_only_almas_own_words_are_shown(path: str, shown: str) -> None:
    assert mask_path(path) == shown


@given(st.text(), st.lists(st.text(max_size=20), max_size=5))
def test_no_value_of_some_length_survives_in_a_text(message: str, values: list[str]) -> None:
    masked = mask_message(message, values)
    for value in values:
        if len(value.strip()) >= 3 and "…" not in value:
            assert value.strip() not in masked
