"""The receive function reads a message by other means than every other host: to the same end."""

import json
from importlib import resources
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from almahook.app.functions.reading import read
from almahook.app.new_event import new_event
from almahook.errors import MessageError
from almahook.inbox import NewEvent
from almahook.inbox.aws.message import read_message, write_message
from almahook.inbox.aws.text import event_text
from almahook.protocol import Request
from almahook.protocol.accepted import accept
from almahook.simulator import to_xml

SAMPLES = sorted(
    file.read_bytes()
    for file in (resources.files("almahook.events") / "samples").iterdir()
    if file.name != "signature_vectors.json"
)


def request_of(body: bytes, content_type: str = "application/json") -> Request:
    return Request(method="POST", body=body, content_type=content_type)


def sent_by_the_function(request: Request) -> str | type[MessageError]:
    try:
        fields = read(request, profile="main", secret_index=1)
    except MessageError as error:
        return type(error)
    return event_text({**fields, "received_at": 1.5})


def stored_by_others(request: Request) -> NewEvent | type[MessageError]:
    try:
        accepted = accept(request, profile="main", secret_index=1)
    except MessageError as error:
        return type(error)
    return new_event(accepted, received_at=1.5)


def require_the_same(request: Request) -> None:
    sent, stored = sent_by_the_function(request), stored_by_others(request)
    assert (read_message(sent) if isinstance(sent, str) else sent) == stored


@pytest.mark.parametrize("body", [*SAMPLES, *(to_xml(body) for body in SAMPLES)])
def test_every_sample_is_sent_as_other_hosts_would_store_it(body: bytes) -> None:
    assert isinstance(sent_by_the_function(request_of(body)), str)
    require_the_same(request_of(body))


@pytest.mark.parametrize(
    "body",
    [
        b'{"action":"LOAN"}',
        b'{"id":18446744073709551616,"action":"loan"}',
        b'{"id":1.5,"action":"LOAN","event":null}',
        b'{"id":true,"action":"LOAN","time":"\\u0000"}',
        b'{"id":"%b","action":"LOAN"}' % (b"9" * 300),
        '{"id":" é ","action":{"value":"BIB","desc":"x"}}'.encode(),
        b'{"id":"\\ud83d","action":"LOAN"}',
        b'{"action":"LOAN","item_loan":[{"loan_id":"7"}]}',
        b'{"action":"LOAN","action":"BIB"}',
        b'{"action":"../x"}',
        b"{}",
        b"",
        b"[1]",
        b"\xff",
        b"<a",
    ],
)
def test_what_is_odd_is_sent_or_refused_as_by_other_hosts(body: bytes) -> None:
    require_the_same(request_of(body))


def test_a_content_type_of_any_length_is_cut_as_by_other_hosts() -> None:
    require_the_same(request_of(b'{"action":"LOAN"}', content_type="é" * 500))


FIELDS = st.one_of(st.none(), st.integers(), st.floats(), st.text(), st.just({"value": "LOAN"}))


@settings(deadline=None)
@given(
    st.fixed_dictionaries(
        {}, optional=dict.fromkeys(("id", "action", "event", "institution", "time"), FIELDS)
    ),
    st.binary(max_size=4),
)
def test_whatever_the_fields_are_they_are_read_alike(fields: dict[str, Any], end: bytes) -> None:
    require_the_same(request_of(json.dumps({"action": "LOAN", **fields}).encode() + end))


def test_an_event_has_one_form_in_the_queue_whoever_puts_it_there() -> None:
    request = request_of(SAMPLES[0])
    sent, stored = sent_by_the_function(request), stored_by_others(request)
    assert isinstance(sent, str)
    assert isinstance(stored, NewEvent)
    assert json.loads(sent) == json.loads(write_message(stored))
