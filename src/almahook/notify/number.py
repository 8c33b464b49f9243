"""Phone numbers as people type them, made international (E.164) with Google's phone metadata.

https://github.com/daviddrysdale/python-phonenumbers
"""

import re
import unicodedata
from collections.abc import Iterator
from types import ModuleType
from typing import Any

from almahook.errors import ConfigurationError, InvalidNumberError
from almahook.notify.extra import load_phonenumbers

# A text cannot be sent to an extension, and E.164 has none.
_EXTENSION = re.compile(
    r"\s*(?:;\s*ext=|,?\s*extension|,?\s*ext\b\.?|,?\s*x|#)\s*[\d]{1,7}\s*$", re.IGNORECASE
)


def international(number: str, *, default_country: str = "") -> str:
    """Return a number such as ``+14125550123``.

    Args:
        number: As it was typed in Alma.
        default_country: Two letters, such as ``US``: where a number without ``+`` is.

    Raises:
        InvalidNumberError: It is no phone number, or none without a country.
        ConfigurationError: The country is none.
    """
    country = require_country(default_country)
    text = _plain(number)
    if found := _best(text, country):
        return found
    raise _refusal(text, country)


def require_country(code: str) -> str:
    """Return the country's two letters in upper case; empty stays empty.

    Raises:
        ConfigurationError: No country has this code.
    """
    if not (wanted := code.strip().upper()):
        return ""
    if wanted in load_phonenumbers().SUPPORTED_REGIONS:
        return wanted
    raise ConfigurationError(
        "notify.default_country is not the two letters of a country (ISO 3166), such as US or GB"
    )


def _plain(number: str) -> str:
    """Write digits of every script as 0 to 9, and drop an extension."""
    # What is copied from a phone comes with invisible marks of direction (category Cf).
    visible = "".join(char for char in number or "" if unicodedata.category(char) != "Cf")
    digits = "".join(str(unicodedata.decimal(char, char)) for char in visible.strip())
    return _EXTENSION.sub("", digits.replace("\N{FULLWIDTH PLUS SIGN}", "+"))


def _readings(text: str, country: str) -> Iterator[tuple[str, str]]:
    """Yield what the text can mean, the default country's reading first."""
    # Keypad letters (1-800-FLOWERS) are no number that somebody reads texts on, and a note beside
    # a number ("mother") says that it may be somebody else's.
    if any(char.isalnum() and not char.isdecimal() for char in text):
        return
    if country or text.startswith("+"):
        yield text, country
    # In most of the world 00 is dialled for +, whatever the default country dials.
    bare = text.lstrip("( ")
    if bare.startswith("00"):
        yield "+" + bare[2:], ""


def _best(text: str, country: str) -> str:
    """Return the first reading that is in use somewhere, or else the first that is possible."""
    library = load_phonenumbers()
    parsed = [_parse(library, candidate, region) for candidate, region in _readings(text, country)]
    possible = [number for number in parsed if number is not None]
    if not possible:
        return ""
    valid = [number for number in possible if library.is_valid_number(number)]
    best = (valid or possible)[0]
    formatted: str = library.format_number(best, library.PhoneNumberFormat.E164)
    return formatted


def _parse(library: ModuleType, text: str, country: str) -> Any:
    try:
        parsed = library.parse(text, country or None)
    except library.NumberParseException:
        return None
    # "Possible" looks at the length only. "Valid" also asks for a range in use by the metadata's
    # date, and would refuse new ranges and the fictional 555-01xx that everybody tests with. The
    # provider knows better which numbers exist. A local number without its area is not enough.
    reason = library.is_possible_number_with_reason(parsed)
    return parsed if reason == library.ValidationResult.IS_POSSIBLE else None


def _refusal(text: str, country: str) -> InvalidNumberError:
    if not text:
        return InvalidNumberError("There is no phone number")
    if not country and text[0].isdecimal():
        return InvalidNumberError(
            "The phone number has no country. Set notify.default_country, such as "
            '"US", or write the number with + and the country in Alma'
        )
    return InvalidNumberError(
        "The phone number cannot be one: it has letters, or too few or too many figures. "
        "Correct it in the user's record in Alma"
    )
