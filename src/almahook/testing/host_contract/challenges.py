"""The rows about GET: challenges, and what is none."""

from collections.abc import Iterator

import msgspec

from almahook.errors import ChallengeMissingError, MethodNotAllowedError, UnknownProfileError
from almahook.testing.host_contract.exchange import HTTPRequest, Row
from almahook.testing.host_contract.given import JSON, refused


def challenge_rows() -> Iterator[Row]:
    """Yield the rows; they are the same in both modes."""
    yield from _accepts()
    yield from _spellings()
    yield from _methods()
    yield refused(
        "a GET without a challenge is refused",
        HTTPRequest(method="GET"),
        ChallengeMissingError,
        400,
    )
    yield refused(
        "a challenge to a profile that is not configured is refused",
        HTTPRequest(method="GET", path="/webhooks/nobody", query="challenge=abc"),
        UnknownProfileError,
        404,
    )


def _said(name: str, request: HTTPRequest, challenge: str) -> Row:
    body = msgspec.json.encode({"challenge": challenge})
    return Row(name=name, request=request, status=200, body=body, headers=JSON)


def _accepts() -> Iterator[Row]:
    for accept in ("text/html", "application/xml", "*/*"):
        yield _said(
            f"a challenge that asks for {accept} is answered as JSON",
            HTTPRequest(method="GET", query="challenge=abc", headers=(("Accept", accept),)),
            "abc",
        )


def _spellings() -> Iterator[Row]:
    for what, query, challenge in (
        ("alone in the query", "challenge=0b9d2f0e-6d5c-4d2a", "0b9d2f0e-6d5c-4d2a"),
        ("after another parameter", "institution=01EXAMPLE_INST&challenge=abc", "abc"),
        ("before another parameter", "challenge=abc&institution=01EXAMPLE_INST", "abc"),
        ("after a second question mark", "institution=01EXAMPLE_INST?challenge=abc", "abc"),
        ("inside an encoded value", "target=x%26challenge%3Dabc", "abc"),
        ("that closes a JSON string", "challenge=a%22%2C%22x%22%3A%22y", 'a","x":"y'),
        ("of markup", "challenge=%3Cscript%3Ealert(1)%3C/script%3E", "<script>alert(1)</script>"),
        ("beyond ASCII", "challenge=%C3%A9t%C3%A9+2024", "été 2024"),
        ("that is empty", "challenge=", ""),
    ):
        request = HTTPRequest(method="GET", query=query)
        yield _said(f"a challenge {what} is said back", request, challenge)
    for path in ("/webhooks/main/", "/webhooks/silent"):
        request = HTTPRequest(method="GET", path=path, query="challenge=abc")
        yield _said(f"a challenge to {path} is said back", request, "abc")


def _methods() -> Iterator[Row]:
    for method in ("PUT", "DELETE", "PATCH", "OPTIONS"):
        yield refused(
            f"{method} is not allowed",
            HTTPRequest(method=method, query="challenge=abc", body=b"{}"),
            MethodNotAllowedError,
            405,
            headers={"allow": "GET, POST"},
        )
    yield Row(
        name="HEAD is not allowed, and its answer has no body",
        request=HTTPRequest(method="HEAD", query="challenge=abc"),
        status=405,
        body=b"",
        headers={**JSON, "allow": "GET, POST"},
    )
