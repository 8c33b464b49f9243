"""Alma's challenge: a GET whose query carries a text that the listener says back.

https://developers.exlibrisgroup.com/alma/integrations/webhooks/anatomy/
"""

import re
from urllib.parse import unquote, unquote_plus

# A listener URL may carry a query of its own, and how Alma then adds the challenge is not
# documented: after "&", after a second "?", or inside an encoded value are all understood.
_CHALLENGE = re.compile(r"(?:^|[?&;])challenge=([^&]*)")


def find_challenge(query: str) -> str | None:
    """Return the challenge wherever it stands in the raw query, or None."""
    if found := _CHALLENGE.search(query):
        challenge = unquote_plus(found[1], errors="replace")
    elif found := _CHALLENGE.search(unquote(query, errors="replace")):
        challenge = found[1]
    else:
        return None
    # Half a surrogate pair, which some hosts make of broken bytes, cannot be said back.
    return challenge.encode("utf-8", "replace").decode("utf-8")
