"""What may be shown of a call: Alma's own words, and no id, name or number of anybody's."""

import re
from collections.abc import Iterable, Iterator
from urllib.parse import unquote

MASK = "…"

# The fixed words of Alma's paths. https://developers.exlibrisgroup.com/alma/apis/
_LISTED = """
    ALL acq almaws amendments analytics attachments authorities bibs booking-availability
    circ-desks citations code-tables collections conf courses departments deposit-profiles
    e-collections e-services electronic events fees files funds general holdings
    import-profiles instances integration-profiles invoices items jobs lending-requests letters
    libraries licenses lines loans locations mapping-tables matches md-import-profiles members
    open-hours owners partners paths personal-data po-lines portfolios printers printouts
    purchase-requests reading-lists relations reminders reports representations request-options
    requested-resources requests resource-sharing-requests rs sets tags task-lists test users
    utils vendors workflows
"""
_WORDS = frozenset(_LISTED.split())
# Where Alma's own texts can name a reader.
_PERSONAL = frozenset({"fees", "loans", "requests", "users"})
_IMPERSONAL_AREAS = frozenset({"acq", "bibs", "conf", "electronic", "items"})

_LONG_ENOUGH = 3
_MAX_MESSAGE = 300
_ADDRESS_OR_NUMBER = re.compile(r"\S*@\S*|\d[\d ().-]{2,}\d")


def mask_path(path: str) -> str:
    """Replace everything in an encoded path that is not a word of Alma's API."""
    return "/" + "/".join(word or MASK for word in _words(path))


def ids_of(path: str) -> list[str]:
    """Return what ``mask_path`` hides, decoded."""
    segments = path.strip("/").split("/")
    pairs = zip(segments, _words(path), strict=True)
    return [unquote(segment) for segment, word in pairs if not word]


def area_of(path: str) -> str:
    """Return the first word of a path: ``users``, ``bibs``, ``conf``."""
    return next(iter(_words(path)))


def is_impersonal(path: str) -> bool:
    """Whether Alma's texts about this path speak of records and settings, not of readers."""
    words = set(_words(path))
    return area_of(path) in _IMPERSONAL_AREAS and not words & _PERSONAL


def mask_message(message: str, values: Iterable[str]) -> str:
    """Hide what the caller has sent, mail addresses and numbers in a text of Alma's."""
    for value in sorted(filter(None, map(str.strip, values)), key=len, reverse=True):
        message = _pattern(value).sub(MASK, message)
    return _ADDRESS_OR_NUMBER.sub(MASK, message)[:_MAX_MESSAGE].strip()


def leaves(value: object) -> Iterator[str]:
    """Yield every text and number within a JSON value."""
    if isinstance(value, dict):
        for inner in value.values():
            yield from leaves(inner)
    elif isinstance(value, list | tuple):
        for inner in value:
            yield from leaves(inner)
    elif isinstance(value, str | int | float) and not isinstance(value, bool):
        yield str(value)


def _words(path: str) -> Iterator[str]:
    """Yield each segment that is a word, and an empty text for each that is an id."""
    before = ""
    for segment in path.strip("/").split("/"):
        # A reader's id may be any word.
        before = segment if segment in _WORDS and before != "users" else ""
        yield before


def _pattern(value: str) -> re.Pattern[str]:
    text = re.escape(value)
    # A value of one letter must not eat the letters of other words.
    return re.compile(text if len(value) >= _LONG_ENOUGH else rf"\b{text}\b", re.IGNORECASE)
