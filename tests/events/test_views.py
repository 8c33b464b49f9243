import json
from datetime import UTC, date, datetime, timedelta, timezone
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from almahook.errors import MessageError
from almahook.events import (
    BibEvent,
    Event,
    ItemEvent,
    JobEnd,
    LoanEvent,
    RequestEvent,
    UserEvent,
    UserRecord,
    read_event,
)
from almahook.events.read import TYPES
from almahook.events.view import Field
from almahook.protocol import ACTIONS
from almahook.simulator import to_xml

from .conftest import SAMPLES, names_of, values_of


def read(document: dict[str, Any]) -> Event:
    return read_event(json.dumps(document).encode())


@pytest.mark.parametrize(
    "body", [SAMPLES["loan_returned_2024"], to_xml(SAMPLES["loan_returned_2024"])]
)
def test_the_fields_of_a_loan_are_what_alma_wrote(body) -> None:
    loan = read_event(body)
    assert isinstance(loan, LoanEvent)
    assert (loan.loan_id, loan.user_id) == ("6910685616953322", "amendez")
    assert (loan.library, loan.library_name) == ("UNIV_LIB", "Example Main Library")
    assert loan.location_name == "Media and Technology Center, Lower Level"
    assert loan.item_policy_name == "Faculty Staff Laptops"
    assert loan.due_date == datetime(2020, 10, 13, 19, tzinfo=UTC)
    assert loan.return_date == loan.time
    assert loan.return_circ_desk == "DEFAULT_CIRC_DESK"
    assert loan.renewable is False
    assert (loan.author, loan.fine, loan.last_renew_date) == ("", None, None)


def test_the_fields_of_a_request_are_what_alma_wrote() -> None:
    request = read_event(SAMPLES["request_placed_on_shelf_2020"])
    assert isinstance(request, RequestEvent)
    assert (request.request_type, request.status) == ("HOLD", "ON_HOLD_SHELF")
    assert (request.user_id, request.barcode) == ("20331177", "31133459661350")
    assert request.expiry_date == date(2020, 10, 23)
    assert request.request_time == datetime(2020, 10, 13, 18, 24, 19, 453_000, UTC)
    assert (request.place_in_queue, request.booking_start_date) == (None, None)


def test_the_fields_of_an_item_are_what_alma_wrote() -> None:
    item = read_event(SAMPLES["item_updated_2020"])
    assert isinstance(item, ItemEvent)
    assert (item.pid, item.barcode) == ("23521298014864503", "31940535470509")
    assert (item.process_type, item.is_in_place) == ("HOLDSHELF", False)
    assert (item.is_requested, item.is_awaiting_reshelving) == (True, False)
    assert item.network_numbers[0] == "(OCoLC)961169310"
    assert item.arrival_date == date(2017, 6, 14)
    assert (item.temp_library, item.issue_date) == ("", None)
    assert item.internal_note_3.startswith("ON_RESERVE: N |")


def test_an_unknown_action_is_a_plain_event_with_its_payload() -> None:
    institution = {"value": "01X"}
    event = read(
        {"id": "1", "action": "portfolio", "institution": institution, "portfolio": {"id": "7"}}
    )
    assert type(event) is Event
    assert (event.action, event.institution, event.subject) == ("PORTFOLIO", "01X", "")
    assert event.payload == {"id": "7"}
    assert event.get("id") == "7"


def test_the_slots_of_the_older_generation_are_no_payload() -> None:
    slots = dict.fromkeys(["bib", "holding", "item", "portfolio", "representation"])
    assert read({"action": "HOLDING", **slots, "holding": {"id": "7"}}).payload == {"id": "7"}
    assert read({"action": "HOLDING", **slots}).payload == {}


@pytest.mark.parametrize("payload", [None, [], "x", 5, [[]], [None]])
@pytest.mark.parametrize("action", ACTIONS)
def test_a_payload_of_another_shape_is_an_empty_one(action, payload) -> None:
    event = read({"action": action, ACTIONS[action].payload: payload})
    assert event.payload == {}
    assert event.document[ACTIONS[action].payload] == payload
    assert values_of(event)


def test_of_several_payloads_the_first_is_the_event_s() -> None:
    event = read({"action": "LOAN", "item_loan": [{"loan_id": "1"}, {"loan_id": "2"}]})
    assert isinstance(event, LoanEvent)
    assert event.loan_id == event.subject == "1"


def test_where_it_came_from_and_when_it_arrived_are_the_event_s() -> None:
    now = datetime(2024, 11, 5, tzinfo=UTC)
    event = read_event(SAMPLES["loan_created_2020"], profile="sandbox", received_at=now)
    assert (event.profile, event.received_at) == ("sandbox", now)
    bare = read_event(SAMPLES["loan_created_2020"])
    assert (bare.profile, bare.received_at) == ("", None)


def test_a_body_that_is_no_message_is_a_typed_error() -> None:
    with pytest.raises(MessageError):
        read_event(b"not json")


@pytest.mark.parametrize("name", SAMPLES)
def test_a_repr_shows_no_patron_data(name) -> None:
    event = read_event(SAMPLES[name], profile="main")
    shown = [repr(event), str(event), f"{event!r:>10}"]
    if isinstance(event, UserEvent):
        shown.append(repr(event.user))
    names = f"{event.action} {event.event}".strip()
    assert shown[0] == f"<{type(event).__name__} {names} main>"
    secrets = ["amendez", "Méndez", "4921", "15550100123", "example.edu", event.id, "Berliner"]
    assert [secret for secret in secrets for text in shown if secret in text] == []


def test_the_repr_of_a_user_s_record_shows_nothing_of_it() -> None:
    assert repr(UserRecord({"primary_id": "amendez", "pin_number": "4921"})) == "<UserRecord>"


def test_a_field_of_the_class_is_the_field_itself() -> None:
    assert isinstance(LoanEvent.due_date, Field)
    assert LoanEvent.due_date.path == "due_date"
    assert LoanEvent.due_date.__doc__


@pytest.mark.parametrize("kind", [*TYPES.values(), Event, UserRecord])
def test_no_view_names_a_thing_twice(kind) -> None:
    names = names_of(kind)
    assert len(names) == len(set(names))
    envelope = {"id", "action", "event", "institution", "subject", "payload", "document", "profile"}
    assert envelope & set(names) == set()


# A date of Alma's carries a zone that many ISO parsers refuse.
DAYS = {
    "2020-10-21Z": date(2020, 10, 21),
    "2020-10-21": date(2020, 10, 21),
    "2020-10-21+02:00": date(2020, 10, 21),
    "2020-10-21-11:00": date(2020, 10, 21),
    "2020-10-21T23:30:00Z": date(2020, 10, 21),
    " 2020-10-21Z ": date(2020, 10, 21),
    "2020-02-30Z": None,
    "2020-10-21X": None,
    "21.10.2020": None,
    "٢٠٢٠-10-21": None,
    "0000-00-00Z": None,
    "": None,
}


@pytest.mark.parametrize(("written", "day"), DAYS.items())
def test_a_date_is_read_with_or_without_its_zone(written, day) -> None:
    event = read({"action": "BIB", "bib": {"created_date": written}})
    assert isinstance(event, BibEvent)
    assert event.created_date == day


TWO_HOURS = timezone(timedelta(hours=2))
MOMENTS = {
    "2020-08-17T15:03:24.605Z": datetime(2020, 8, 17, 15, 3, 24, 605_000, UTC),
    "2020-08-17T15:03:24Z": datetime(2020, 8, 17, 15, 3, 24, tzinfo=UTC),
    "2020-08-17T15:03:24+02:00": datetime(2020, 8, 17, 15, 3, 24, tzinfo=TWO_HOURS),
    "2020-08-17T15:03:24": datetime(2020, 8, 17, 15, 3, 24, tzinfo=UTC),
    "2020-08-17T15:03:24.605123456Z": datetime(2020, 8, 17, 15, 3, 24, 605_123, UTC),
    "2020-08-17Z": datetime(2020, 8, 17, tzinfo=UTC),
    "2020-08-17": datetime(2020, 8, 17, tzinfo=UTC),
    "2020-08-17+02:00": datetime(2020, 8, 17, tzinfo=TWO_HOURS),
    "2020-08-17T25:00:00Z": None,
    "yesterday": None,
    "1597676604": None,
    "": None,
}


@pytest.mark.parametrize(("written", "moment"), MOMENTS.items())
def test_a_date_and_time_always_has_a_zone(written, moment) -> None:
    event = read({"action": "LOAN", "time": written, "item_loan": {"due_date": written}})
    assert isinstance(event, LoanEvent)
    assert event.due_date == event.time == moment
    assert moment is None or event.due_date.utcoffset() is not None


@pytest.mark.parametrize(
    ("written", "text"),
    [
        ("x", "x"),
        (" x ", "x"),
        ({"value": "x", "desc": "X"}, "x"),
        ({"value": None, "desc": "X"}, ""),
        ({"desc": "X"}, ""),
        ({"value": {"value": "x"}}, ""),
        (["x", "y"], "x"),
        ([{"value": "x"}], "x"),
        (5, "5"),
        (2**63, "9223372036854775808"),
        (1.5, "1.5"),
        (True, "true"),
        (None, ""),
        ([], ""),
        ({}, ""),
    ],
)
def test_a_text_may_be_coded_a_number_or_absent(written, text) -> None:
    event = read({"action": "LOAN", "item_loan": {"title": written}})
    assert isinstance(event, LoanEvent)
    assert event.title == text


def test_a_path_leads_to_codes_descriptions_lists_and_first_entries() -> None:
    event = read_event(SAMPLES["job_end_2020"])
    assert event.get("status") == event.get("status.value") == "COMPLETED_SUCCESS"
    assert event.get("status.desc") == "Completed Successfully"
    assert event.get("counter.type") == "c.jobs.createFilterSet.setName"
    assert event.get("counter") == event.payload["counter"]
    assert event.get("progress") == 100
    assert event.get("job_info.absent") is None
    assert event.get("job_info.absent", "default") == "default"
    assert event.get("name.absent.deeper", "default") == "default"


@pytest.mark.parametrize(
    "body", [SAMPLES["loan_created_2020"], to_xml(SAMPLES["loan_created_2020"])]
)
def test_a_path_means_the_same_in_xml(body) -> None:
    event = read_event(body)
    paths = ["library", "library.value", "library.desc", "title", "title.value", "author"]
    assert [event.get(path) for path in paths] == [
        *("UNIV_LIB", "UNIV_LIB", "Example Main Library"),
        *("Faculty staff laptop", "Faculty staff laptop", None),
    ]


STEPS = sorted(
    {
        step
        for kind in [*TYPES.values(), UserRecord]
        for name in names_of(kind)
        if isinstance(field := vars(kind).get(name), Field)
        for step in field.path.split(".")
    }
    | {"value", "desc", "counter", "contact_info", "phone", "phone_number", "preferred_sms"}
    | {"email", "email_address", "preferred", "user_identifier", "id_type", "receiver", "user"}
)
TEXTS = st.text(st.characters(exclude_categories=["Cs"]), max_size=8) | st.sampled_from(
    ["2020-10-21Z", "2020-10-21T00:00:00Z", "9999-12-31+14:00", "true", "66", "1e999", "9" * 5000]
)
SCALARS = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.just(10**4000),
    st.floats(allow_nan=False, allow_infinity=False),
    TEXTS,
)
VALUES = st.recursive(
    SCALARS,
    lambda inner: st.one_of(
        st.lists(inner, max_size=3), st.dictionaries(st.sampled_from(STEPS), inner, max_size=5)
    ),
    max_leaves=25,
)


@settings(deadline=None, suppress_health_check=[HealthCheck.too_slow], max_examples=200)
@given(st.sampled_from(sorted(ACTIONS)), VALUES, st.dictionaries(st.sampled_from(STEPS), VALUES))
def test_no_field_of_a_view_ever_raises(action, odd, payload) -> None:
    for part in (payload, odd):
        event = read({"action": action, "time": odd, ACTIONS[action].payload: part})
        assert values_of(event)
        assert repr(event)
        assert all(event.get(step, "absent") is not None for step in STEPS)
        if isinstance(event, JobEnd):
            assert event.counter(*STEPS) is None or event.counters
            assert isinstance(event.counter_text("value"), str)
        assert isinstance(UserRecord(event.payload).identifier("value"), str)
        assert values_of(UserRecord(event.payload))
