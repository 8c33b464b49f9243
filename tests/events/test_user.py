from typing import Any

import pytest

from almahook.events import NotificationEvent, UserEvent, UserRecord, read_event

from .conftest import SAMPLES

UPDATED = SAMPLES["user_updated_2024"]


def with_phones(*phones: Any) -> UserRecord:
    return UserRecord({"contact_info": {"phone": list(phones)}})


def with_mails(*mails: Any) -> UserRecord:
    return UserRecord({"contact_info": {"email": list(mails)}})


def phone(number: Any, *, sms: Any = False, preferred: Any = False) -> dict[str, Any]:
    return {"phone_number": number, "preferred_sms": sms, "preferred": preferred}


def mail(address: Any, *, preferred: Any = False) -> dict[str, Any]:
    return {"email_address": address, "preferred": preferred}


def test_the_fields_of_a_user_are_what_alma_wrote() -> None:
    event = read_event(UPDATED)
    assert isinstance(event, UserEvent)
    user = event.user
    assert (event.cause, event.method, event.change) == ("UI", "UPDATE", "UPDATED")
    assert (user.primary_id, user.first_name, user.last_name) == ("amendez", "Ana", "Méndez")
    assert (user.full_name, user.pref_first_name) == ("Ana Méndez", "Preferred")
    assert (user.user_group, user.user_group_name) == ("faculty", "Faculty")
    assert (user.language, user.record_type, user.account_type) == ("en", "PUBLIC", "EXTERNAL")
    assert (user.status, user.is_active) == ("ACTIVE", True)
    assert str(user.expiry_date) == "2020-05-31"
    assert user.sms_number == "15550100123"
    assert user.email == "ana.mendez@example.edu"
    assert user.identifier("BARCODE") == "39001020331177"
    assert user.get("pin_number") == "4921"


def test_the_number_is_the_one_marked_for_texts_and_not_the_preferred_one() -> None:
    user = with_phones(phone("1", preferred=True), phone("2", sms=True), phone("3"))
    assert user.sms_number == "2"


@pytest.mark.parametrize("marked", [True, "true", "TRUE", {"value": "true"}])
def test_the_mark_may_be_a_text(marked) -> None:
    assert with_phones(phone("1", sms="false"), phone("2", sms=marked)).sms_number == "2"


@pytest.mark.parametrize("marked", [False, "false", None, "", "no", 1, []])
def test_a_number_without_the_mark_is_not_texted(marked) -> None:
    assert with_phones(phone("+1 555 010 0123", sms=marked, preferred=True)).sms_number == ""


def test_the_number_comes_as_it_was_typed() -> None:
    assert with_phones(phone(" +1 (555) 010-0123 ext. 4", sms=True)).sms_number == (
        "+1 (555) 010-0123 ext. 4"
    )
    assert with_phones(phone(15550100123, sms=True)).sms_number == "15550100123"


def test_of_several_that_are_marked_the_first_with_a_number_counts() -> None:
    user = with_phones(phone(None, sms=True), phone(" ", sms=True), phone("1", sms=True))
    assert user.sms_number == "1"
    assert with_phones(phone("1", sms=True), phone("2", sms=True)).sms_number == "1"


@pytest.mark.parametrize(
    "record",
    [
        {},
        {"contact_info": None},
        {"contact_info": {}},
        {"contact_info": []},
        {"contact_info": ""},
        {"contact_info": {"phone": None, "email": None}},
        {"contact_info": {"phone": [], "email": []}},
        {"contact_info": {"phone": [None], "email": [None]}},
        {"contact_info": {"phone": ["x"], "email": ["x"]}},
        {"contact_info": {"phone": [{}], "email": [{}]}},
        {"contact_info": {"phone": "", "email": ""}},
        {"contact_info": {"phone": [{"preferred_sms": True}], "email": [{"preferred": True}]}},
    ],
)
def test_a_user_without_contacts_has_no_number_and_no_address(record) -> None:
    user = UserRecord(record)
    assert (user.sms_number, user.email) == ("", "")


def test_a_single_contact_that_is_no_list_is_one_contact() -> None:
    record = {"contact_info": {"phone": phone("1", sms=True), "email": mail("a@example.edu")}}
    assert (UserRecord(record).sms_number, UserRecord(record).email) == ("1", "a@example.edu")


def test_the_address_is_the_preferred_one() -> None:
    user = with_mails(mail("a@example.edu"), mail("b@example.edu", preferred="true"))
    assert user.email == "b@example.edu"


def test_an_only_address_needs_no_mark_but_of_several_none_is_guessed() -> None:
    assert with_mails(mail("a@example.edu")).email == "a@example.edu"
    assert with_mails(mail("a@example.edu"), mail("b@example.edu")).email == ""


def test_the_first_active_identifier_of_a_type_counts() -> None:
    identifiers = [
        {"value": "1", "id_type": {"value": "BARCODE"}, "status": "INACTIVE"},
        {"value": "2", "id_type": {"value": "INST_ID"}, "status": "ACTIVE"},
        {"value": "", "id_type": {"value": "BARCODE"}},
        {"value": "3", "id_type": "BARCODE"},
        {"value": "4", "id_type": {"value": "BARCODE"}, "status": "ACTIVE"},
        None,
    ]
    user = UserRecord({"user_identifier": identifiers})
    assert user.identifier("BARCODE") == "3"
    assert user.identifier("INST_ID") == "2"
    assert user.identifier("ABSENT") == ""
    assert UserRecord({"user_identifier": None}).identifier("BARCODE") == ""


@pytest.mark.parametrize(
    ("event", "method", "change"),
    [
        ("USER_CREATED", "CREATE", "CREATED"),
        ("USER_UPDATED", None, "UPDATED"),
        ("user_deleted", "UPDATE", "DELETED"),
        (None, "CREATE", "CREATED"),
        (None, "update", "UPDATED"),
        (None, "DELETE", "DELETED"),
        (None, "OTHER", ""),
        (None, None, ""),
    ],
)
def test_what_changed_is_told_by_the_event_or_else_by_the_method(make, event, method, change):
    coded = {"value": event} if event else None
    found = make("webhook_user", {"method": method}, action="USER", event=coded)
    assert found.change == change


@pytest.mark.parametrize("user", [None, [], {}, "x", [None]])
def test_a_user_event_without_a_user_has_an_empty_one(make, user) -> None:
    found = make("webhook_user", {"user": user}, action="USER").user
    assert (found.primary_id, found.sms_number, found.is_active) == ("", "", False)


def test_the_receiver_of_a_letter_is_a_user() -> None:
    event = read_event(SAMPLES["notification_cancel_request_2020"])
    assert isinstance(event, NotificationEvent)
    assert (event.letter_type, event.letter_name) == ("FulCancelRequestLetter", "Request Update")
    assert event.letter_subject == "Request Update"
    assert event.sms_content.startswith(": Example Main Library.\nHi Méndez, Ana,")
    assert (event.receiver.primary_id, event.receiver.sms_number) == ("amendez", "15550100123")


@pytest.mark.parametrize("receiver", [None, {}, [], {"primary_id": None}, {"primary_id": ""}])
def test_a_letter_to_somebody_who_is_no_user_has_a_receiver_without_an_id(make, receiver) -> None:
    event = make("notification_data", {"receiver": receiver}, action="NOTIFICATION")
    assert event.receiver.primary_id == ""
    assert event.subject == ""
