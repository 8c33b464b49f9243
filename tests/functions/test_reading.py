"""The receive function reads a message by other means than every other host: to the same end."""

import json
from importlib import resources
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from almahook.app.functions.reading import read
from almahook.errors import MessageError
from almahook.inbox import NewEvent
from almahook.inbox.aws.message import read_message, write_message
from almahook.inbox.aws.text import event_text
from almahook.protocol import Endpoint, sign
from almahook.protocol.answering import accept
from almahook.simulator import to_xml

SAMPLES = sorted(
    file.read_bytes()
    for file in (resources.files("almahook.events") / "samples").iterdir()
    if file.name != "signature_vectors.json"
)


def sent_by_the_function(
    body: bytes, content_type: str = "application/json"
) -> str | type[MessageError]:
    try:
        fields = read(
            body, content_type=content_type, profile="main", secret_index=1, received_at=1.5
        )
    except MessageError as error:
        return type(error)
    return event_text(fields)


def stored_by_others(
    body: bytes, content_type: str = "application/json"
) -> NewEvent | type[MessageError]:
    try:
        return accept(
            body,
            signature=sign(body, secret=b"a").encode(),
            content_type=content_type,
            endpoint=Endpoint(profile="main", secrets=[b"b", b"a"]),
            received_at=1.5,
        )
    except MessageError as error:
        return type(error)


def require_the_same(body: bytes, content_type: str = "application/json") -> None:
    sent, stored = sent_by_the_function(body, content_type), stored_by_others(body, content_type)
    assert (read_message(sent) if isinstance(sent, str) else sent) == stored


@pytest.mark.parametrize("body", [*SAMPLES, *(to_xml(body) for body in SAMPLES)])
def test_every_sample_is_sent_as_other_hosts_would_store_it(body: bytes) -> None:
    assert isinstance(sent_by_the_function(body), str)
    require_the_same(body)


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
    require_the_same(body)


def test_a_content_type_of_any_length_is_cut_as_by_other_hosts() -> None:
    require_the_same(b'{"action":"LOAN"}', content_type="é" * 500)


FIELDS = st.one_of(st.none(), st.integers(), st.floats(), st.text(), st.just({"value": "LOAN"}))


@settings(deadline=None)
@given(
    st.fixed_dictionaries(
        {}, optional=dict.fromkeys(("id", "action", "event", "institution", "time"), FIELDS)
    ),
    st.binary(max_size=4),
)
def test_whatever_the_fields_are_they_are_read_alike(fields: dict[str, Any], end: bytes) -> None:
    require_the_same(json.dumps({"action": "LOAN", **fields}).encode() + end)


def test_an_event_has_one_form_in_the_queue_whoever_puts_it_there() -> None:
    sent, stored = sent_by_the_function(SAMPLES[0]), stored_by_others(SAMPLES[0])
    assert isinstance(sent, str)
    assert isinstance(stored, NewEvent)
    assert json.loads(sent) == json.loads(write_message(stored))
