"""What a failed call means for the person who set the listener up, and what to do about it."""

from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import urlsplit

from almahook.cli.call import LIMIT_S, Heard, Kind, Unheard

LOGIN_FIX = (
    "Alma cannot log in. Exempt the path /webhooks/ from the login, also for POST: the signature "
    "is what protects it."
)


@dataclass(frozen=True, kw_only=True, slots=True)
class Trouble:
    """What is wrong, and the fix, each in words."""

    what: str
    fix: str


def why_unheard(url: str, unheard: Unheard) -> Trouble:
    """Explain that nothing came back."""
    parts = urlsplit(url)
    host = parts.hostname or ""
    port = parts.port or (443 if parts.scheme == "https" else 80)
    if unheard.kind == "tls":
        return _tls(host, unheard.detail)
    trouble = _WORDS[unheard.kind]
    said = f" ({unheard.detail})" if unheard.kind == "broken" and unheard.detail else ""
    return Trouble(what=trouble.what.format(host=host, port=port) + said, fix=trouble.fix)


def why_refused(url: str, heard: Heard) -> Trouble | None:
    """Explain an answer that is no success; None for one that is."""
    if heard.is_success:
        return None
    what = f"The answer is HTTP {heard.status}"
    if 300 <= heard.status < 400:  # noqa: PLR2004 - the class of redirects
        return _redirect(url, heard)
    if trouble := _STATUSES.get(heard.status):
        return Trouble(what=what + trouble.what, fix=trouble.fix)
    if heard.status >= 500:  # noqa: PLR2004 - the class of the server's failures
        return Trouble(what=what, fix="Look into the log of the listener, or of what is before it.")
    return Trouble(what=what, fix="Look whether the URL is the listener's, and what is before it.")


def is_login(heard: Heard) -> bool:
    """Say whether a page asks for a password."""
    page = heard.body.lower()
    return b'type="password"' in page or b"type='password'" in page or b"samlrequest" in page


def is_page(heard: Heard) -> bool:
    """Say whether the answer is a page for people."""
    start = heard.body[:500].lstrip().lower()
    return start.startswith((b"<!doctype html", b"<html"))


_WORDS: Mapping[Kind, Trouble] = {
    "name": Trouble(
        what="No machine is called {host}",
        fix="Look for a slip in the name, or enter it in your DNS.",
    ),
    "refused": Trouble(
        what="Nothing listens on {host}, port {port}",
        fix="Start it: almahook serve. If it runs, compare the port, and look at the proxy.",
    ),
    "unreachable": Trouble(
        what="{host} cannot be reached", fix="Look at the network and at the firewall."
    ),
    "timeout": Trouble(
        what=f"There was no whole answer within {LIMIT_S:g} s, and Alma waits no longer",
        fix="If nothing answers at all, a firewall drops the calls: open the port. Otherwise look "
        "why it is slow: a proxy that waits, or a service that is asleep.",
    ),
    "no_tls": Trouble(
        what="Port {port} of {host} does not speak TLS, which https needs",
        fix="Put a proxy with a certificate in front of it (docs/deploy.md). On this machine write "
        "http:// instead.",
    ),
    "broken": Trouble(
        what="The connection to {host} broke off",
        fix="If the port is one for https, write https://. Otherwise look into the log of what "
        "listens there.",
    ),
}

_STATUSES: Mapping[int, Trouble] = {
    400: Trouble(
        what=": this path wants something else",
        fix="Look whether the URL is the listener's, and whether something before it takes the "
        "query or the body away.",
    ),
    401: Trouble(what=": a login stands before the listener", fix=LOGIN_FIX),
    403: Trouble(
        what=": something before the listener does not let the call through",
        fix="Look at the firewall and at the web server's rules. Alma's addresses are not "
        "published, so let all in to /webhooks/: the signature is what protects it.",
    ),
    404: Trouble(
        what=": nothing is served at this path",
        fix="The URL ends in /webhooks/ and the profile's name, for example /webhooks/main. A "
        "proxy must hand the path on unchanged.",
    ),
    405: Trouble(
        what=": the method is not allowed there", fix="Let GET and POST through to the same path."
    ),
    406: Trouble(
        what=": it insists on another kind of answer",
        fix="Alma's challenge does not ask for JSON. Answer it whatever Accept says.",
    ),
    413: Trouble(
        what=": the body is too large for it",
        fix="Let the proxy take 10 MB, as the listener does: bodies of Alma's can be that large.",
    ),
    502: Trouble(
        what=": the proxy runs, and does not reach the listener",
        fix="Start it: almahook serve. If it runs, compare the port with the proxy's.",
    ),
    503: Trouble(
        what=": what answers is not ready",
        fix="If it is the listener, it says why in its log: no secret, or the inbox cannot be "
        "written. If it is the proxy, start the listener: almahook serve.",
    ),
    504: Trouble(
        what=": the proxy waited in vain for the listener",
        fix="Look whether almahook serve runs, and at the port in the proxy's configuration.",
    ),
}


def _redirect(url: str, heard: Heard) -> Trouble:
    target = heard.headers.get("location", "")
    parts, here = urlsplit(target), urlsplit(url)
    what = f"The answer is HTTP {heard.status}, a redirect, which Alma is not known to follow"
    if any(word in target.lower() for word in ("login", "signin", "sso", "saml", "shibboleth")):
        return Trouble(what=f"{what}; it leads to a login", fix=LOGIN_FIX)
    if parts.scheme == "https" and here.scheme == "http" and parts.hostname == here.hostname:
        return Trouble(what=what, fix="Enter the URL with https:// in Alma.")
    where = f" It leads to {target.partition('?')[0]}" if target else ""
    return Trouble(
        what=what, fix=f"Enter the last address in Alma, or turn the redirect off.{where}"
    )


def _tls(host: str, detail: str) -> Trouble:
    what = f"The certificate of {host} is not accepted: {detail}"
    low = detail.lower()
    if "expired" in low:
        return Trouble(what=what, fix="Renew it, and let the proxy load it.")
    if "mismatch" in low or "not valid for" in low:
        return Trouble(what=what, fix=f"Get one for the name {host}, or use the name it is for.")
    if "self-signed" in low or "self signed" in low:
        return Trouble(
            what=what,
            fix="Alma takes those of known authorities only, for example of Let's Encrypt.",
        )
    if "local issuer" in low or "first certificate" in low:
        return Trouble(
            what=what,
            fix="Let the server send the whole chain (with Let's Encrypt: fullchain.pem), from an "
            "authority that is known.",
        )
    return Trouble(what=what, fix="Test the address with a browser, which says more.")
