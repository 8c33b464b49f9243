import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from almahook.errors import ConfigurationError, InvalidNumberError
from almahook.notify import international

# Every digit as East Asian keyboards write it.
WIDE = "020 7946 0123".translate({ord(digit): ord(digit) + 0xFEE0 for digit in "0123456789"})


@pytest.mark.parametrize(
    ("number", "country", "expected"),
    [
        ("+1 412-555-0123", "", "+14125550123"),
        ("+1 412-555-0123", "IL", "+14125550123"),
        ("4125550123", "US", "+14125550123"),
        ("4125550123", " us ", "+14125550123"),
        ("412.555.0123", "US", "+14125550123"),
        ("(555) 010-0199", "US", "+15550100199"),
        ("15550100123", "US", "+15550100123"),
        ("1 (412) 555-0123", "US", "+14125550123"),
        ("054-555 0123", "IL", "+972545550123"),
        ("  +44 (0)20 7946 0123 ", "", "+442079460123"),
        ("\u202a+44 20 7946 0123\u202c", "", "+442079460123"),
        (WIDE, "GB", "+442079460123"),
        ("\N{FULLWIDTH PLUS SIGN}44 20 7946 0123", "", "+442079460123"),
        ("٠٥٤٥٥٥٠١٢٣", "IL", "+972545550123"),
        ("412-555-0123 ext. 12", "US", "+14125550123"),
        ("412-555-0123 x12", "US", "+14125550123"),
        ("+14125550123;ext=12", "", "+14125550123"),
        ("412-555-0123 #12", "US", "+14125550123"),
    ],
)
def test_a_number_is_understood_however_it_is_typed(
    number: str, country: str, expected: str
) -> None:
    assert international(number, default_country=country) == expected


@pytest.mark.parametrize("country", ["", "CH", "US", "AU", "JP"])
def test_00_means_plus_wherever_the_library_is(country: str) -> None:
    assert international("0041 79 123 45 67", default_country=country) == "+41791234567"


@pytest.mark.parametrize(
    ("number", "country"), [("011 44 20 7946 0123", "US"), ("0011 44 20 7946 0123", "AU")]
)
def test_a_countrys_own_prefix_for_abroad_is_understood(number: str, country: str) -> None:
    assert international(number, default_country=country) == "+442079460123"


@pytest.mark.parametrize(
    "number",
    [
        "",
        "   ",
        "none",
        "n/a",
        "1-800-FLOWERS",
        "412-555-0123 (mother)",
        "tel:+1-412-555-0123",
        "12",
        "5550123",
        "+1412555",
        "+1 412 555 0123 / +1 412 555 0124",
        "4125550123456",
        "412555012²",
        "+999 555 0123",
        "+" + "1" * 300,
        "\0",
        "+",
    ],
)
def test_what_is_no_number_is_refused_without_being_shown(number: str) -> None:
    with pytest.raises(InvalidNumberError) as error:
        international(number, default_country="US")
    assert not re.search(r"\d", str(error.value))
    assert error.value.code == "notify.number"


def test_a_number_without_a_country_names_the_setting() -> None:
    with pytest.raises(InvalidNumberError, match=r"Set notify\.default_country"):
        international("15550100123")


def test_a_number_that_is_wrong_is_to_be_corrected_in_alma() -> None:
    with pytest.raises(InvalidNumberError, match="in Alma"):
        international("+1 412", default_country="US")


@pytest.mark.parametrize("country", ["USA", "gbr", "??", "+1"])
def test_a_country_that_is_none_is_refused(country: str) -> None:
    with pytest.raises(ConfigurationError, match=r"notify\.default_country"):
        international("4125550123", default_country=country)


@given(st.text(), st.sampled_from(["", "US", "IL", "DE"]))
def test_any_text_is_a_number_or_is_refused(text: str, country: str) -> None:
    try:
        found = international(text, default_country=country)
    except InvalidNumberError as error:
        found, shown = "", str(error)
    else:
        shown = ""
    assert re.fullmatch(r"(\+[1-9][0-9]{4,15})?", found)
    assert not re.search(r"\d", shown)


@given(st.from_regex(r"[+0-9 ().-]{5,25}", fullmatch=True))
def test_what_came_out_goes_in_again(text: str) -> None:
    try:
        found = international(text, default_country="US")
    except InvalidNumberError:
        return
    assert international(found) == found
