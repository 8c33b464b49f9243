import json
from typing import Any

import pytest

from almahook.events import (
    BibEvent,
    ItemEvent,
    JobEnd,
    LoanEvent,
    NotificationEvent,
    RequestEvent,
    UserEvent,
    read_event,
    sample_document,
)
from almahook.events.read import TYPES
from almahook.protocol import ACTIONS
from almahook.simulator import Messages, to_xml

from .conftest import SAMPLES, values_of

KINDS = {
    "bib_created_2020": BibEvent,
    "bib_updated_2024": BibEvent,
    "item_updated_2020": ItemEvent,
    "job_end_2020": JobEnd,
    "job_end_2024_completed_with_errors": JobEnd,
    "job_end_2024_system_publishing": JobEnd,
    "loan_created_2020": LoanEvent,
    "loan_returned_2024": LoanEvent,
    "notification_cancel_request_2020": NotificationEvent,
    "request_placed_on_shelf_2020": RequestEvent,
    "user_updated_2020": UserEvent,
    "user_updated_2024": UserEvent,
}


def leaves(value: Any, path: str = "") -> list[tuple[str, Any]]:
    """What stands at the ends of all paths that lead through mappings and first entries."""
    if isinstance(value, list) and value and isinstance(value[0], dict):
        value = value[0]
    if not isinstance(value, dict):
        return [(path, value)]
    found = [leaves(inner, f"{path}.{key}") for key, inner in value.items()]
    return [leaf for some in found for leaf in some]


def without_nulls(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: without_nulls(inner) for key, inner in value.items() if inner is not None}
    return [without_nulls(inner) for inner in value] if isinstance(value, list) else value


@pytest.mark.parametrize("name", SAMPLES)
def test_every_sample_is_read_as_the_event_of_its_action(name) -> None:
    assert type(read_event(SAMPLES[name])) is KINDS[name]


@pytest.mark.parametrize("name", SAMPLES)
def test_nothing_that_alma_sent_is_dropped(name) -> None:
    event, sent = read_event(SAMPLES[name]), json.loads(SAMPLES[name])
    assert event.document == sent
    assert event.payload == sent[ACTIONS[event.action].payload]


@pytest.mark.parametrize("name", SAMPLES)
def test_every_value_of_the_payload_is_reached_by_its_path(name) -> None:
    event = read_event(SAMPLES[name])
    found = leaves(event.payload)
    assert len(found) > 15
    wrong = [path for path, value in found if event.get(path[1:]) != value]
    assert wrong == []


@pytest.mark.parametrize("name", SAMPLES)
def test_the_xml_of_a_sample_says_the_same_in_every_field(name) -> None:
    in_json, in_xml = read_event(SAMPLES[name]), read_event(to_xml(SAMPLES[name]))
    assert comparable(in_xml) == comparable(in_json)


@pytest.mark.parametrize("name", SAMPLES)
def test_a_null_that_is_left_out_changes_no_field(name) -> None:
    body = json.dumps(without_nulls(json.loads(SAMPLES[name]))).encode()
    assert comparable(read_event(body)) == comparable(read_event(SAMPLES[name]))


@pytest.mark.parametrize("action", TYPES)
def test_whatever_alma_sends_its_xml_says_the_same_in_every_field(action) -> None:
    messages = Messages(seed=11)
    for _ in range(15):
        for generation in ("2020", "2024"):
            body = messages.message(action, generation=generation)
            assert comparable(read_event(to_xml(body))) == comparable(read_event(body))


def comparable(event: Any) -> dict[str, Any]:
    values = values_of(event)
    if isinstance(event, BibEvent):
        # The markup may be written in several ways; what it says may not differ.
        del values["marcxml"]
        record = event.marc()
        assert record is not None
        values["marc"] = record.as_dict()
    return values


def test_each_action_has_a_sample_a_view_and_events_that_begin_with_its_name() -> None:
    assert list(TYPES) == sorted(ACTIONS)
    for name, action in ACTIONS.items():
        document = sample_document(name)
        assert document["action"] == name
        assert isinstance(document[action.payload], dict)
        assert all(event.startswith(f"{name}_") for event in action.events)


def test_a_sample_is_a_fresh_copy_with_its_nulls() -> None:
    sample_document("LOAN")["item_loan"].clear()
    assert sample_document("LOAN") == json.loads(SAMPLES["loan_created_2020"])


def test_there_is_no_sample_of_an_action_that_alma_does_not_send() -> None:
    with pytest.raises(KeyError):
        sample_document("PORTFOLIO")
