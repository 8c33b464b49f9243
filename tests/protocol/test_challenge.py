import json
from urllib.parse import quote, quote_plus

import pytest
from hypothesis import given
from hypothesis import strategies as st

from almahook.protocol import Challenged, Endpoint, Request, answer, challenge_reply, find_challenge
from almahook.protocol.reply import reply

ENDPOINT = Endpoint(profile="main", secrets=[b"secret"])
UUID = "5a4b8c1e-8f0e-4f43-9c0e-3f1b9d1a2c77"

QUERIES = {
    "alone": f"challenge={UUID}",
    "before another": f"challenge={UUID}&institution=01EXAMPLE_INST",
    "after another": f"institution=01EXAMPLE_INST&challenge={UUID}",
    "after a second question mark": f"institution=01EXAMPLE_INST?challenge={UUID}",
    "after a question mark at the start": f"?challenge={UUID}",
    "after a semicolon": f"institution=01EXAMPLE_INST;challenge={UUID}",
    "after an empty parameter": f"&challenge={UUID}",
    "after one without a value": f"debug&challenge={UUID}",
    "in an encoded value": f"institution=01EXAMPLE_INST%26challenge%3D{UUID}",
    "in an encoded value behind a question mark": f"path=%2Fx%3Fchallenge%3D{UUID}",
    "with its name encoded": f"%63hallenge={UUID}",
    "with its equals sign encoded": f"challenge%3D{UUID}",
    "twice": f"challenge={UUID}&challenge=other",
}


@pytest.mark.parametrize("query", QUERIES.values(), ids=QUERIES.keys())
def test_the_challenge_is_found_wherever_it_stands(query) -> None:
    assert find_challenge(query) == UUID


@pytest.mark.parametrize(
    "query", ["", "institution=X", "mychallenge=1", "challenged=1", "challenge", "Challenge=1"]
)
def test_where_there_is_no_challenge_none_is_found(query) -> None:
    assert find_challenge(query) is None


@pytest.mark.parametrize("query", ["challenge=", "challenge=&institution=X", "x=1&challenge="])
def test_an_empty_challenge_is_a_challenge(query) -> None:
    assert find_challenge(query) == ""


@pytest.mark.parametrize(
    ("query", "challenge"),
    [
        ("challenge=a%20b", "a b"),
        ("challenge=a+b", "a b"),
        ("challenge=a%2Bb%26c%3Dd", "a+b&c=d"),
        ("challenge=%C3%A9%F0%9F%93%9A", "é📚"),
        ("challenge=a?b=c", "a?b=c"),
        ("challenge=100%", "100%"),
        ("challenge=%FF", "\ufffd"),
        ("challenge=\udcff", "?"),
        ("challenge=%00", "\x00"),
    ],
)
def test_the_challenge_is_decoded_once(query, challenge) -> None:
    assert find_challenge(query) == challenge


@given(st.text(st.characters(exclude_categories=["Cs"])), st.sampled_from([quote, quote_plus]))
def test_any_challenge_comes_back_as_it_was(challenge, encode) -> None:
    query = f"institution=X&challenge={encode(challenge)}&y=1"
    response = reply(answer(Request(method="GET", query=query), endpoint=ENDPOINT, received_at=1.0))
    assert json.loads(response.body) == {"challenge": challenge}


@given(st.text(st.characters()))
def test_no_query_breaks_the_answer(query) -> None:
    outcome = answer(Request(method="GET", query=query), endpoint=ENDPOINT, received_at=1.0)
    assert reply(outcome).status == (200 if isinstance(outcome, Challenged) else 400)


def test_the_answer_is_compact_json_that_no_browser_takes_for_a_page() -> None:
    response = challenge_reply(UUID)
    assert response.status == 200
    assert response.body == b'{"challenge":"%s"}' % UUID.encode()
    assert response.headers["content-type"] == "application/json"
    assert response.headers["x-content-type-options"] == "nosniff"


@pytest.mark.parametrize(
    "challenge",
    ['a","x":"y', "<script>alert(1)</script>", 'a"}', "a\\", "\x00\r\n", "\u2028é📚", ""],
)
def test_no_challenge_gets_out_of_its_quotes(challenge) -> None:
    body = challenge_reply(challenge).body
    assert json.loads(body) == {"challenge": challenge}
    assert b"\n" not in body


def test_the_challenge_needs_no_secret_and_no_signature() -> None:
    bare = Endpoint(profile="main", secrets=[])
    outcome = answer(
        Request(method="GET", query=f"challenge={UUID}"), endpoint=bare, received_at=1.0
    )
    assert outcome == Challenged(challenge=UUID)
