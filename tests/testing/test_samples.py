import json

import pytest

from almahook import JobEnd
from almahook.protocol import read_envelope
from almahook.testing import sample, sample_event

ACTIONS = ["JOB_END", "NOTIFICATION", "USER", "LOAN", "REQUEST", "BIB", "ITEM"]


@pytest.mark.parametrize("generation", ["2020", "2024"])
@pytest.mark.parametrize("action", ACTIONS)
def test_each_action_has_a_sample_in_both_generations(action, generation) -> None:
    body = sample(action, generation=generation)
    assert read_envelope(body).action == action
    assert read_envelope(body).id
    assert (b":null" in body) <= (generation == "2020")


def test_the_event_of_a_sample_can_be_chosen() -> None:
    document = json.loads(sample("LOAN", event="LOAN_RETURNED"))
    assert document["event"] == {"value": "LOAN_RETURNED", "desc": "Loan returned"}


def test_an_action_that_alma_does_not_send_makes_a_message_without_a_payload() -> None:
    document = json.loads(sample("PORTFOLIO", portfolio__id="7"))
    assert (document["action"], document["portfolio"]) == ("PORTFOLIO", {"id": "7"})


@pytest.mark.parametrize(
    "name", ["submitted_by", "job_instance__submitted_by", "submitted_by.value"]
)
def test_a_coded_value_is_set_by_its_name_or_its_path(name) -> None:
    document = json.loads(sample("JOB_END", **{name: "bokafor"}))
    assert document["job_instance"]["submitted_by"]["value"] == "bokafor"


def test_a_name_of_the_envelope_is_the_envelope_s() -> None:
    envelope = read_envelope(sample("LOAN", id="7", time="2024-01-01T00:00:00Z", institution="01X"))
    assert (envelope.id, envelope.time, envelope.institution) == (
        "7",
        "2024-01-01T00:00:00Z",
        "01X",
    )


def test_a_value_can_be_taken_away() -> None:
    assert (
        json.loads(sample("JOB_END", submitted_by=None))["job_instance"].get("submitted_by") is None
    )


def test_a_name_that_the_payload_does_not_have_is_an_error_that_says_how_to_add_it() -> None:
    with pytest.raises(KeyError, match="job_instance__submited_by"):
        sample("JOB_END", submited_by="amendez")
    with pytest.raises(KeyError):
        sample("JOB_END", status__valu="FAILED")


def test_a_path_from_the_top_makes_what_is_not_there() -> None:
    document = json.loads(sample("JOB_END", job_instance__extra__deep="x"))
    assert document["job_instance"]["extra"] == {"deep": "x"}


def test_one_sample_does_not_change_the_next() -> None:
    sample("JOB_END", name="changed")
    assert b"changed" not in sample("JOB_END")


def test_a_sample_event_is_typed() -> None:
    event = sample_event("JOB_END", submitted_by="amendez", profile="sandbox")
    assert isinstance(event, JobEnd)
    assert (event.submitted_by, event.profile) == ("amendez", "sandbox")
