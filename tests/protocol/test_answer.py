import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from almahook.errors import (
    BodyTooLargeError,
    ChallengeMissingError,
    EmptyBodyError,
    InvalidActionError,
    JSONError,
    MalformedSignatureError,
    MethodNotAllowedError,
    MissingSignatureError,
    NoSecretError,
    SignatureMismatchError,
    UnknownProfileError,
)
from almahook.protocol import (
    Accepted,
    Challenged,
    Endpoint,
    Outcome,
    Refused,
    Request,
    answer,
    reply,
    sign,
)

SECRET = b"correct horse battery staple"
ENDPOINT = Endpoint(profile="main", secrets=[SECRET])
BODY = b'{"id":"7","action":"LOAN","item_loan":{"loan_id":"5"}}'


def post(body: bytes = BODY, *, secret: bytes = SECRET, **fields) -> Request:
    signed = {"method": "POST", "body": body, "signature": sign(body, secret=secret)}
    return Request(**{**signed, **fields})


def endpoint_with(**fields) -> Endpoint:
    return Endpoint(**{"profile": "main", "secrets": [SECRET], **fields})


def outcome_of(request: Request, endpoint: Endpoint | None = ENDPOINT) -> Outcome:
    return answer(request, endpoint=endpoint, received_at=12.5)


def accepted(request: Request, endpoint: Endpoint = ENDPOINT) -> Accepted:
    outcome = outcome_of(request, endpoint)
    assert isinstance(outcome, Accepted)
    return outcome


def refusal(request: Request, endpoint: Endpoint | None = ENDPOINT) -> tuple[type, int]:
    outcome = outcome_of(request, endpoint)
    assert isinstance(outcome, Refused)
    return type(outcome.error), outcome.status


def test_a_signed_message_is_accepted_with_everything_that_is_to_be_stored() -> None:
    body = (
        b'{"id":"7","action":"LOAN","institution":{"value":"01X"},"time":"2026-01-02T03:04:05Z",'
        b'"event":{"value":"LOAN_LOST","desc":"Loan lost"},"item_loan":{"loan_id":"5"}}'
    )
    assert accepted(post(body, content_type="text/plain")) == Accepted(
        profile="main",
        action="LOAN",
        event="LOAN_LOST",
        event_id="7",
        institution="01X",
        time="2026-01-02T03:04:05Z",
        subject="5",
        content_type="text/plain",
        body=body,
        received_at=12.5,
        secret_index=0,
    )


@pytest.mark.parametrize("action", [b"LOAN", b"loan", b"OTHER"])
def test_a_message_without_an_id_is_known_by_its_body(action) -> None:
    bodies = [b'{"action":"%b","x":%d}' % (action, number) for number in (1, 1, 2)]
    first, again, other = (accepted(post(body)).event_id for body in bodies)
    assert first == again != other


def test_a_content_type_is_kept_in_part() -> None:
    assert len(accepted(post(content_type="x" * 10_000)).content_type) == 100


def test_the_secret_that_signed_is_told() -> None:
    endpoint = endpoint_with(secrets=[b"new", SECRET])
    assert accepted(post(), endpoint).secret_index == 1


@pytest.mark.parametrize("content_type", ["", "application/xml", "text/html; charset=latin-1", "x"])
def test_the_content_type_decides_nothing(content_type) -> None:
    xml = b"<webhook><id>7</id><action>LOAN</action></webhook>"
    for body in (BODY, xml):
        assert accepted(post(body, content_type=content_type)).event_id == "7"


def test_a_challenge_is_answered_and_any_other_get_is_explained() -> None:
    get = Request(method="GET", query="challenge=abc")
    assert outcome_of(get) == Challenged(challenge="abc")
    assert refusal(Request(method="GET", query="x=1")) == (ChallengeMissingError, 400)


def test_a_challenge_in_the_query_of_a_post_is_no_challenge() -> None:
    request = Request(method="POST", query="challenge=abc", body=BODY)
    assert refusal(request) == (MissingSignatureError, 401)


@pytest.mark.parametrize(
    "method", ["PUT", "DELETE", "HEAD", "OPTIONS", "PATCH", "TRACE", "post", "get", "", "POST "]
)
def test_other_methods_are_not_allowed(method) -> None:
    request = post(query="challenge=abc", method=method)
    assert refusal(request) == (MethodNotAllowedError, 405)


@pytest.mark.parametrize("method", ["GET", "POST", "PUT"])
def test_an_unknown_profile_is_told_before_anything_else(method) -> None:
    request = post(query="challenge=abc", method=method)
    assert refusal(request, None) == (UnknownProfileError, 404)


@pytest.mark.parametrize(
    ("signature", "error"),
    [
        (None, MissingSignatureError),
        ("", MissingSignatureError),
        ("x", MalformedSignatureError),
        (sign(BODY, secret=b"other"), SignatureMismatchError),
    ],
)
@pytest.mark.parametrize("status", [401, 503])
def test_a_wrong_signature_is_answered_as_the_profile_says(signature, error, status) -> None:
    endpoint = endpoint_with(refuse_status=status)
    assert refusal(post(signature=signature), endpoint) == (error, status)


def test_the_status_for_signatures_is_not_the_status_for_anything_else() -> None:
    endpoint = endpoint_with(refuse_status=503)
    assert refusal(post(b"not json"), endpoint) == (JSONError, 400)
    assert refusal(Request(method="GET"), endpoint) == (ChallengeMissingError, 400)
    assert refusal(Request(method="PUT"), endpoint) == (MethodNotAllowedError, 405)


@pytest.mark.parametrize("secrets", [[], [b""]])
def test_without_a_secret_alma_is_asked_to_come_again(secrets) -> None:
    endpoint = endpoint_with(secrets=secrets)
    assert refusal(post(secret=b""), endpoint) == (NoSecretError, 503)


def test_the_limit_is_the_largest_body_that_is_taken() -> None:
    assert accepted(post(), endpoint_with(max_body_bytes=len(BODY))).body == BODY
    small = endpoint_with(max_body_bytes=len(BODY) - 1)
    assert refusal(post(), small) == (BodyTooLargeError, 413)
    assert refusal(Request(method="POST", body=BODY), small) == (BodyTooLargeError, 413)


def test_a_body_of_ten_mebibytes_is_taken_unless_the_profile_says_otherwise() -> None:
    largest = BODY.ljust(10 * 1024 * 1024)
    assert accepted(post(largest)).body == largest
    assert refusal(post(largest + b" ")) == (BodyTooLargeError, 413)


@pytest.mark.parametrize("body", [b"", b"not json", b"{}", b"<!DOCTYPE x>", b"\xff", b"[" * 5000])
def test_nothing_in_a_body_is_looked_at_before_its_signature(body) -> None:
    assert refusal(post(body, secret=b"other")) == (SignatureMismatchError, 401)
    assert refusal(Request(method="POST", body=body)) == (MissingSignatureError, 401)


@pytest.mark.parametrize(
    ("body", "error"),
    [(b"", EmptyBodyError), (b"{", JSONError), (b'{"action":"../x"}', InvalidActionError)],
)
def test_a_signed_body_that_is_no_message_is_refused_for_good(body, error) -> None:
    assert refusal(post(body)) == (error, 400)


def test_neither_a_secret_nor_a_body_is_in_a_repr() -> None:
    body = b'{"action":"USER","webhook_user":{"user":{"pin_number":"4921"}}}'
    request = post(body)
    shown = f"{ENDPOINT!r} {request!r} {outcome_of(request)!r} {outcome_of(post(b'4921'))!r}"
    assert "4921" not in shown
    assert SECRET.decode() not in shown


REQUESTS = st.builds(
    Request,
    method=st.sampled_from(["POST", "GET", "PUT"]) | st.text(),
    query=st.text(st.characters()) | st.text("challenge=&?%0Z"),
    signature=st.none() | st.text(st.characters()),
    body=st.binary(),
    content_type=st.text(st.characters()),
)
ENDPOINTS = st.none() | st.builds(
    Endpoint,
    profile=st.just("main"),
    secrets=st.lists(st.binary(max_size=3), max_size=2),
    refuse_status=st.sampled_from([401, 503]),
    max_body_bytes=st.integers(0, 20),
)


@settings(deadline=None)
@given(REQUESTS, ENDPOINTS, st.sampled_from(["inbox", "direct"]))
def test_no_request_breaks_the_decision_or_its_answer(request, endpoint, mode) -> None:
    response = reply(outcome_of(request, endpoint), mode=mode)
    assert json.loads(response.body)
    assert response.status in {200, 400, 401, 404, 405, 413, 503}


@settings(deadline=None, max_examples=300)
@given(
    st.one_of(
        st.binary(),
        st.binary().map(b"<".__add__),
        st.binary().map(lambda inner: b'{"action":"LOAN","id":' + inner + b"}"),
        st.text().map(lambda text: json.dumps({"action": text, "id": text}).encode()),
        st.text().map(lambda text: f"<w><action>{text}</action></w>".encode()),
    )
)
def test_no_signed_body_breaks_the_decision(body) -> None:
    outcome = outcome_of(post(body))
    assert isinstance(outcome, Accepted) or outcome.status == 400
