"""Alma's challenge: a GET whose query carries a text that the listener says back.

https://developers.exlibrisgroup.com/alma/integrations/webhooks/anatomy/
"""

import re

# A listener URL may carry a query of its own, and how Alma then adds the challenge is not
# documented: after "&", after a second "?", or inside an encoded value are all understood.
_CHALLENGE = re.compile(r"(?:^|[?&;])challenge=([^&]*)")

# A plain one, as Alma's are, is worth no import.
_ENCODED = re.compile(r"[^!-~]|[%+]")


def find_challenge(query: str) -> str | None:
    """Return the challenge wherever it stands in the raw query, or None."""
    found = _CHALLENGE.search(query)
    if found is not None and not _ENCODED.search(found[1]):
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
    within = _CHALLENGE.search(unquote(query, errors="replace"))
    return None if within is None else within[1]
