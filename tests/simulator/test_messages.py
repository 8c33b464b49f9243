from importlib import resources

import msgspec
import pytest

from almahook.protocol import parse_document, read_envelope
from almahook.simulator import EVENTS, Messages

SAMPLES = resources.files("almahook.events") / "samples"

KINDS = [(action, event) for action, events in EVENTS.items() for event in (events or [None])]


@pytest.fixture
def messages() -> Messages:
    return Messages(seed=1)


def sample(name: str) -> dict:
    return msgspec.json.decode((SAMPLES / f"{name}.json").read_bytes())


def has_null(value: object) -> bool:
    if isinstance(value, dict):
        return any(item is None or has_null(item) for item in value.values())
    return isinstance(value, list) and any(map(has_null, value))


def shape(value: object) -> object:
    """The keys and their order, without the values."""
    return {key: shape(item) for key, item in value.items()} if isinstance(value, dict) else None


@pytest.mark.parametrize("generation", ["2020", "2024"])
@pytest.mark.parametrize(("action", "event"), KINDS)
def test_every_kind_of_message_is_one_that_a_listener_reads(messages, action, event, generation):
    for _ in range(20):
        body = messages.message(action, event, generation=generation)
        envelope = read_envelope(body)
        assert envelope.action == action
        assert envelope.id
        assert envelope.subject
        assert envelope.institution == "01EXAMPLE_INST"
        hidden = action == "USER" and generation == "2020"
        assert envelope.event == ("" if hidden else event or "")


def test_the_wire_form_is_compact_raw_utf_8(messages):
    body = messages.message("LOAN", overrides={"item_loan.title": "Łódź / Übung"})
    assert "Łódź / Übung".encode() in body
    assert b'": ' not in body
    assert b"\n" not in body


@pytest.mark.parametrize(("action", "event"), KINDS)
def test_the_older_generation_has_nulls_and_slots(messages, action, event):
    document = parse_document(messages.message(action, event, generation="2020"))
    assert list(document)[:5] == ["id", "action", "institution", "time", "event"]
    slots = ["bib", "holding", "item", "portfolio", "representation"]
    assert list(document)[-5:] == slots
    assert has_null(document)


@pytest.mark.parametrize(("action", "event"), KINDS)
def test_the_newer_generation_has_no_nulls_and_another_order(messages, action, event):
    document = parse_document(messages.message(action, event, generation="2024"))
    start = ["id", "action", *(["event"] if event else []), "institution", "time"]
    assert list(document)[:-1] == start
    assert not has_null(document)


@pytest.mark.parametrize(
    ("name", "event"),
    [
        ("job_end_2020", None),
        ("bib_created_2020", "BIB_CREATED"),
        ("item_updated_2020", "ITEM_UPDATED"),
        ("loan_created_2020", "LOAN_CREATED"),
        ("notification_cancel_request_2020", None),
        ("user_updated_2020", "USER_UPDATED"),
        ("job_end_2024_completed_with_errors", None),
        ("bib_updated_2024", "BIB_UPDATED"),
        ("user_updated_2024", "USER_UPDATED"),
    ],
)
def test_the_keys_are_those_of_real_bodies_in_their_order(messages, name, event):
    real = sample(name)
    generation = "2020" if "2020" in name else "2024"
    made = parse_document(messages.message(real["action"], event, generation=generation))
    if real["action"] == "LOAN":
        real["item_loan"]["author"] = made["item_loan"]["author"]
    if real["action"] == "BIB" and made["bib"].get("author") is None:
        real["bib"].pop("author", None)
        made["bib"].pop("author", None)
    if real["action"] == "USER":
        real["webhook_user"]["user"]["contact_info"] = None
        made["webhook_user"]["user"]["contact_info"] = None
    assert str(shape(made)) == str(shape(real))


def test_each_message_has_an_id_of_its_own_too_large_for_a_float(messages):
    ids = [read_envelope(messages.message("LOAN")).id for _ in range(500)]
    assert len(set(ids)) == 500
    assert all(2**53 < int(id_) < 2**63 for id_ in ids)


def test_the_id_of_a_job_end_is_its_process_id(messages):
    document = parse_document(messages.message("JOB_END", id="123"))
    assert document["id"] == document["job_instance"]["id"] == "123"
    assert document["job_instance"]["link"].endswith("/instances/123")


def test_the_same_seed_makes_the_same_messages_and_another_makes_others():
    def made(seed: int) -> list[bytes]:
        messages = Messages(seed)
        return [messages.message(action) for action in EVENTS for _ in range(5)]

    assert made(3) == made(3)
    assert made(3) != made(4)


def test_jobs_differ_as_they_do_in_a_library(messages):
    jobs = [parse_document(messages.message("JOB_END"))["job_instance"] for _ in range(400)]
    assert {"COMPLETED_SUCCESS", "COMPLETED_FAILED", "FAILED", "USER_ABORTED"} <= {
        job["status"]["value"] for job in jobs
    }
    assert {"System", "API", "amendez"} <= {job["submitted_by"]["value"] for job in jobs}
    values = [counter["value"] for job in jobs for counter in job["counter"]]
    assert {type(value) for value in values} == {str}
    assert not all(value.isdecimal() for value in values)
    assert {0, 100.3} <= {job["progress"] for job in jobs}


def test_some_bibs_are_larger_than_the_usual_body_limits(messages):
    bodies = [messages.message("BIB") for _ in range(200)]
    assert max(map(len, bodies)) > 150_000
    assert min(map(len, bodies)) < 3_000


def test_some_requests_have_no_user_and_some_no_barcode(messages):
    requests = [parse_document(messages.message("REQUEST"))["user_request"] for _ in range(200)]
    assert any("user_primary_id" not in request for request in requests)
    assert any("barcode" not in request for request in requests)


def test_an_override_may_reach_into_lists_and_remove_things(messages):
    body = messages.message(
        "JOB_END", overrides={"job_instance.alert.0.value": "mine", "job_instance.job_info": None}
    )
    job = parse_document(body)["job_instance"]
    assert job["alert"][0]["value"] == "mine"
    assert "job_info" not in job


def test_what_follows_from_an_overridden_status_follows(messages):
    body = messages.message("JOB_END", overrides={"job_instance.status.value": "FAILED"})
    job = parse_document(body)["job_instance"]
    assert job["status"] == {"value": "FAILED", "desc": "Failed"}
    assert job["progress"] == 0
    assert job["alert"][0]["value"] == "alert_general_error"


def test_an_override_of_something_that_is_not_there_is_an_error(messages):
    with pytest.raises(KeyError):
        messages.message("LOAN", overrides={"item_laon.title": "x"})


def test_an_action_that_alma_does_not_have_yet_can_be_made(messages):
    body = messages.message("PORTFOLIO", "PORTFOLIO_CREATED", generation="2020")
    envelope = read_envelope(body)
    assert (envelope.action, envelope.event) == ("PORTFOLIO", "PORTFOLIO_CREATED")
