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
        return unquote_plus(found[1], errors="replace")
    found = _CHALLENGE.search(unquote(query, errors="replace"))
    return found[1] if found else None
