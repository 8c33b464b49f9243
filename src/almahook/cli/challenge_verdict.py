"""Judges a listener's answer to Alma's challenge.

Documented is ``{"challenge":"…"}`` with status 200. Alma is known to take any answer of status 200
that has the challenge's text in it. https://developers.exlibrisgroup.com/alma/integrations/webhooks/anatomy/
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qsl, urlsplit
from uuid import uuid4

import msgspec

from almahook.cli.call import Heard, Unheard, call, is_local, split_url
from almahook.cli.trouble import LOGIN_FIX, is_login, is_page, why_refused, why_unheard

_OK = 200


@dataclass(frozen=True, kw_only=True, slots=True)
class Verdict:
    """How a listener answered.

    Attributes:
        ok: Whether Alma's Activate button would succeed.
        as_documented: Whether the answer is exactly what Ex Libris documents.
        status: None when there was no answer.
        says: In one sentence.
        fix: What to do; empty when there is nothing to do.
        notes: What else is odd.
        certificate_ends: Seconds since the epoch; None without TLS.
    """

    ok: bool
    as_documented: bool = False
    status: int | None = None
    seconds: float = 0.0
    says: str
    fix: str = ""
    notes: Sequence[str] = ()
    certificate_ends: float | None = None


def challenge(url: str) -> Verdict:
    """Ask a listener as Alma does, and judge its answer.

    Raises:
        ConfigurationError: The URL is none.
    """
    text = str(uuid4())
    # Alma's request does not ask for JSON.
    return judge(url, text, call("GET", with_challenge(url, text), headers={"Accept": "*/*"}))


def with_challenge(url: str, text: str) -> str:
    """Add a challenge to a URL, which may have a query of its own."""
    plain = split_url(url)._replace(fragment="").geturl()
    mark = "&" if urlsplit(plain).query else "?"
    return f"{plain.rstrip('?')}{mark}challenge={text}"


def judge(url: str, text: str, answer: Heard | Unheard) -> Verdict:
    """Judge one answer to the challenge ``text``."""
    if isinstance(answer, Unheard):
        trouble = why_unheard(url, answer)
        return Verdict(ok=False, seconds=answer.seconds, says=trouble.what, fix=trouble.fix)
    if refused := why_refused(url, answer):
        return _failed(answer, refused.what, refused.fix)
    if text.encode("ascii") not in answer.body:
        return _failed(answer, *_without_challenge(answer))
    oddities = list(_oddities(text, answer))
    if answer.status != _OK or oddities:
        return _tolerated(url, answer, oddities)
    return Verdict(
        ok=True,
        as_documented=True,
        status=answer.status,
        seconds=answer.seconds,
        says="The answer is what Ex Libris documents.",
        notes=list(_notes(url)),
        certificate_ends=answer.certificate_ends,
    )


def _failed(answer: Heard, what: str, fix: str) -> Verdict:
    return Verdict(
        ok=False,
        status=answer.status,
        seconds=answer.seconds,
        says=what,
        fix=fix,
        certificate_ends=answer.certificate_ends,
    )


def _tolerated(url: str, answer: Heard, oddities: list[str]) -> Verdict:
    if answer.status != _OK:
        oddities.insert(0, f"its status is {answer.status} and not 200")
    return Verdict(
        # Only answers of status 200 have been seen to work.
        ok=answer.status == _OK,
        status=answer.status,
        seconds=answer.seconds,
        says="The answer has the challenge in it, which Alma is known to take, but it is not what "
        f"Ex Libris documents: {', and '.join(oddities)}."
        if answer.status == _OK
        else f"The answer has the challenge in it, but {', and '.join(oddities)}.",
        fix='Answer with status 200, Content-Type application/json and {"challenge":"…"}.',
        notes=list(_notes(url)),
        certificate_ends=answer.certificate_ends,
    )


def _oddities(text: str, answer: Heard) -> Iterator[str]:
    document = _json(answer.body)
    if document is None:
        yield "it is not JSON"
    elif not isinstance(document, dict) or document.get("challenge") != text:
        yield "its JSON does not have the challenge under the key challenge"
    elif len(document) > 1:
        yield "its JSON has other keys beside challenge"
    kind = answer.headers.get("content-type", "").partition(";")[0].strip().lower()
    if kind == "text/html":
        yield "it is called HTML, so that a prepared link runs script in a browser"
    elif kind != "application/json":
        yield f"its Content-Type is {kind or 'missing'} and not application/json"


def _without_challenge(answer: Heard) -> tuple[str, str]:
    what = f"The answer is HTTP {answer.status}, but without the challenge"
    if is_login(answer):
        return f"{what}: it is a login page", LOGIN_FIX
    if is_page(answer):
        fix = "Look at the URL and at the proxy: a web site answers, not the listener."
        return f"{what}: it is a web page", fix
    document = _json(answer.body)
    if isinstance(document, dict) and document.get("challenge"):
        fix = "Turn caching off for this path, or look how the proxy changes the query."
        return f"{what}: it has another one", fix
    if not answer.body:
        fix = 'Answer with {"challenge":"…"}, or let the proxy hand the query on.'
        return f"{what}: it is empty", fix
    fix = "Look at the URL and at the proxy: something else than a listener for Alma answers."
    return what, fix


def _notes(url: str) -> Iterator[str]:
    if any(name == "challenge" for name, _ in parse_qsl(urlsplit(url).query)):
        yield "The URL has a challenge of its own: leave it out."
    if urlsplit(url).scheme == "https":
        return
    if is_local(url):
        yield "Alma itself needs an https address: put a proxy in front of this (docs/deploy.md)."
    else:
        yield "Alma calls https addresses only: put a proxy with a certificate in front of this."


def _json(body: bytes) -> Any:
    try:
        return msgspec.json.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return None
