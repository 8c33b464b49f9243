from collections.abc import Mapping
from typing import Any
from xml.etree.ElementTree import canonicalize, fromstring

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from almahook.errors import XMLError
from almahook.protocol import parse_document, read_envelope
from almahook.simulator import EVENTS, Messages, to_xml

NAMES = st.sampled_from(["title", "author", "library", "note", "status", "alert", "id_type"])
# What XML has: no control characters, and blanks at the ends have no meaning.
TEXTS = st.text(st.characters(codec="utf-8", exclude_categories=["Cc", "Cs"])).map(str.strip)
PLAIN = st.one_of(TEXTS, st.booleans(), st.integers(), st.none())
CODED = st.fixed_dictionaries({"value": TEXTS}, optional={"desc": TEXTS, "link": TEXTS})
VALUES = st.recursive(
    st.one_of(PLAIN, CODED),
    lambda inner: st.one_of(
        st.dictionaries(NAMES, inner, max_size=4),
        st.lists(st.one_of(TEXTS.filter(bool), CODED), max_size=3),
    ),
    max_leaves=12,
)


def plain(value: Any, key: str = "") -> Any:
    """What a reader sees: numbers as text; null, empty and absent alike; a value beside nothing."""
    if key == "anies":
        return [record(markup) for markup in value]
    if isinstance(value, Mapping):
        items = {name: plain(item, name) for name, item in value.items()}
        items = {name: item for name, item in items.items() if item}
        return items["value"] if set(items) == {"value"} else items
    if isinstance(value, list):
        return [plain(item) or "" for item in value]
    if isinstance(value, bool):
        return str(value).lower()
    return "" if value is None else str(value).strip()


def record(markup: str) -> str:
    return canonicalize(markup.replace('encoding="UTF-16"', 'encoding="UTF-8"'), strip_text=True)


@pytest.mark.parametrize("generation", ["2020", "2024"])
@pytest.mark.parametrize("action", EVENTS)
def test_the_xml_says_the_same_as_the_json(action, generation):
    messages = Messages(seed=5)
    for _ in range(40):
        body = messages.message(action, generation=generation)
        xml = to_xml(body)
        assert read_envelope(xml) == read_envelope(body)
        assert plain(parse_document(xml)) == plain(parse_document(body))


@given(st.dictionaries(NAMES, VALUES, min_size=1, max_size=4))
def test_whatever_the_values_are_the_xml_says_the_same(payload):
    document = {"id": "1", "action": "LOAN", "item_loan": payload}
    body = msgspec.json.encode(document)
    assert plain(parse_document(to_xml(body))) == plain(document)


def test_lists_are_wrapped_and_descriptions_are_attributes():
    job = {
        "alert": [{"value": "a", "desc": "A"}],
        "counter": [{"type": {"value": "t", "desc": "T"}, "value": "5"}],
        "link": "/almaws/v1/x",
    }
    root = fromstring(to_xml(msgspec.json.encode({"action": "JOB_END", "job_instance": job})))
    assert root.tag == "webhook"
    assert root.find("job_instance").get("link") == "/almaws/v1/x"
    alert = root.find("job_instance/alerts/alert")
    assert (alert.text, alert.get("desc")) == ("a", "A")
    counter = root.find("job_instance/counters/counter")
    assert counter.find("type").get("desc") == "T"
    assert counter.find("value").text == "5"


def test_the_marc_record_is_inlined():
    root = fromstring(to_xml(Messages(seed=1).message("BIB")))
    assert root.find("bib/record/leader").text.startswith("00420nam")


@pytest.mark.parametrize(
    "markup", ["<record><broken>", "no markup", "<!DOCTYPE x><record/>", "<record>&a;</record>"]
)
def test_a_record_that_is_not_xml_is_sent_as_text(markup):
    body = msgspec.json.encode({"action": "BIB", "bib": {"anies": [markup]}})
    assert fromstring(to_xml(body)).find("bib/anies").text == markup


def test_characters_that_xml_does_not_have_are_replaced():
    body = b'{"action":"LOAN","item_loan":{"title":"a\\u0000b\\r\\nc"}}'
    assert parse_document(to_xml(body))["item_loan"]["title"] == "a\ufffdb\r\nc"


def test_a_key_that_is_no_name_is_refused():
    with pytest.raises(XMLError):
        to_xml(b'{"action":"LOAN","item loan":{}}')
