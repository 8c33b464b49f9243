"""Alma's challenge: a GET whose query carries a text that the listener says back.

https://developers.exlibrisgroup.com/alma/integrations/webhooks/anatomy/
"""

import re

# A listener URL may carry a query of its own, and how Alma then adds the challenge is not
# documented: after "&", after a second "?", or inside an encoded value are all understood.
_CHALLENGE = r"(?:^|[?&;])challenge=([^&]*)"
_NAME = "challenge="


def find_challenge(query: str) -> str | None:
    """Return the challenge wherever it stands in the raw query, or None."""
    if query.startswith(_NAME):
        challenge = query[len(_NAME) :].partition("&")[0]
        if _is_plain(challenge):
            return challenge
    return _find(query)


def _is_plain(text: str) -> bool:
    # A plain one, as Alma's are, is worth no import.
    return text.isascii() and text.isprintable() and "%" not in text and "+" not in text


def _find(query: str) -> str | None:
    found = re.search(_CHALLENGE, query)
    if found is not None and _is_plain(found[1]):
        return found[1]
    challenge = _decoded(query, found)
    if challenge is None:
        return None
    # Half a surrogate pair, which some hosts make of broken bytes, cannot be said back.
    return challenge.encode("utf-8", "replace").decode("utf-8")


def _decoded(query: str, found: re.Match[str] | None) -> str | None:
    from urllib.parse import unquote, unquote_plus  # noqa: PLC0415 - see above

    if found is not None:
        return unquote_plus(found[1], errors="replace")
    within = re.search(_CHALLENGE, unquote(query, errors="replace"))
    return None if within is None else within[1]
