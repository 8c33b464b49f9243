import builtins
from datetime import date
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from almahook.errors import ForbiddenXMLError, MessageError, MissingExtraError, XMLError
from almahook.events import BibEvent, read_event
from almahook.simulator import to_xml

from .conftest import SAMPLES, Make

CREATED = SAMPLES["bib_created_2020"]
RECORD = "<record><leader>00420nam  22001453u 4500</leader></record>"


def bib(make: Make, *anies: Any, **fields: Any) -> BibEvent:
    return make("bib", {"anies": list(anies), **fields}, action="BIB")


@pytest.mark.parametrize("body", [CREATED, to_xml(CREATED)], ids=["JSON", "XML"])
def test_the_record_is_read_in_spite_of_its_false_declaration(body) -> None:
    event = read_event(body)
    assert isinstance(event, BibEvent)
    record = event.marc()
    assert record is not None
    assert str(record.leader) == "00420nam  22001453u 4500"
    assert record["001"].data == event.mms_id
    assert record["245"]["a"] == event.title
    assert [field["a"] for field in record.get_fields("035")] == ["49416127"]


def test_the_markup_comes_without_the_declaration() -> None:
    event = read_event(CREATED)
    assert isinstance(event, BibEvent)
    assert b"UTF-16" in CREATED
    assert event.marcxml.startswith("<record><leader>")
    assert event.marcxml.endswith("</record>")


@pytest.mark.parametrize(
    "declaration",
    [
        "",
        '<?xml version="1.0" encoding="UTF-16"?>',
        '<?xml version="1.0" encoding="UTF-8" standalone="no"?>\n',
        "\n <?xml version='1.0'?>\r\n",
        '<?xml version="1.0" encoding="x-made-up"?>',
    ],
)
def test_any_declaration_is_passed_over(make, declaration) -> None:
    event = bib(make, declaration + RECORD)
    assert event.marcxml == RECORD
    assert event.marc() is not None


def test_characters_of_every_script_arrive(make) -> None:
    title = "Łódź 図書館 مكتبة 📚 &amp; e\u0301"
    field = (
        f'<datafield tag="245" ind1="1" ind2="0"><subfield code="a">{title}</subfield></datafield>'
    )
    record = bib(make, f'<?xml version="1.0" encoding="UTF-16"?><record>{field}</record>').marc()
    assert record is not None
    assert record["245"]["a"] == title.replace("&amp;", "&")


def test_a_record_may_have_a_namespace(make) -> None:
    event = bib(make, RECORD.replace("<record", '<record xmlns="http://www.loc.gov/MARC21/slim"'))
    assert event.marc() is not None


@pytest.mark.parametrize("anies", [[], [None], [""], ["  "], None, {}, [[]], [5.5, "x"][:0]])
def test_a_bib_without_a_record_has_none(make, anies) -> None:
    event = make("bib", {"anies": anies}, action="BIB")
    assert event.marcxml == ""
    assert event.marc() is None
    assert make("bib", {}, action="BIB").marc() is None


@pytest.mark.parametrize(
    "record",
    ["<record>", "no markup", "<record>&nbsp;</record>", "<record>\x00</record>", "<a><b></a>"],
)
def test_a_record_that_is_not_well_formed_is_a_typed_error(make, record) -> None:
    with pytest.raises(XMLError):
        bib(make, record).marc()


@pytest.mark.parametrize(
    "record",
    [
        "<record><leader>short</leader></record>",
        "<record><controlfield>no tag</controlfield></record>",
        "<record><datafield ind1='1' ind2='0'/></record>",
        "<record><datafield tag='245'><subfield>no code</subfield></datafield></record>",
    ],
)
def test_a_record_that_is_xml_but_not_marc_is_a_typed_error(make, record) -> None:
    with pytest.raises(XMLError, match="not MARC"):
        bib(make, record).marc()


def test_xml_without_a_record_has_none(make) -> None:
    assert bib(make, "<collection/>").marc() is None


@pytest.mark.parametrize(
    "doctype",
    [
        "<!DOCTYPE record>",
        '<!DOCTYPE record [<!ENTITY a SYSTEM "file:///etc/passwd">]>',
        '<?xml version="1.0"?><!DOCTYPE record [<!ENTITY a "ha"><!ENTITY b "&a;&a;">]>',
        "<!-- x --><!DOCTYPE record>",
    ],
)
def test_a_record_with_a_document_type_is_refused(make, doctype) -> None:
    with pytest.raises(ForbiddenXMLError):
        bib(make, doctype + RECORD).marc()


def test_a_second_declaration_smuggles_in_no_document_type(make) -> None:
    # In UTF-7 this is a document type; no check for the word itself would see it.
    smuggled = "<?xml version='1.0'?><?xml version='1.0' encoding='utf-7'?>+ADwAIQ-DOCTYPE r+AD4-"
    with pytest.raises(XMLError):
        bib(make, smuggled + RECORD).marc()


def test_the_words_of_a_document_type_within_a_title_are_a_title(make) -> None:
    field = "<controlfield tag='001'>&lt;!DOCTYPE x></controlfield>"
    record = bib(make, f"<record>{field}</record>").marc()
    assert record is not None
    assert record["001"].data == "<!DOCTYPE x>"


def test_without_pymarc_the_error_says_what_to_type(make, monkeypatch) -> None:
    real = builtins.__import__

    def without_pymarc(name: str, *args: Any, **kwargs: Any) -> Any:
        if name == "pymarc":
            raise ModuleNotFoundError(name=name)
        return real(name, *args, **kwargs)

    monkeypatch.setattr(builtins, "__import__", without_pymarc)
    with pytest.raises(MissingExtraError, match=r"almahook\[marc\]"):
        bib(make, RECORD).marc()


@pytest.mark.parametrize(
    ("written", "flag"),
    [
        ("true", True),
        ("false", False),
        ("TRUE", True),
        (" false ", False),
        (True, True),
        (False, False),
        ({"value": "true"}, True),
        ("", None),
        (None, None),
        ("yes", None),
        ("1", None),
        (1, None),
        ([], None),
        (["true"], True),
    ],
)
def test_a_yes_or_no_may_be_text(make, written, flag) -> None:
    event = bib(make, suppress_from_publishing=written, suppress_from_metadoor=written)
    assert event.is_suppressed is flag
    assert event.is_suppressed_from_metadoor is flag


def test_the_fields_of_a_bib_are_what_alma_wrote() -> None:
    event = read_event(SAMPLES["bib_updated_2024"])
    assert isinstance(event, BibEvent)
    assert (event.mms_id, event.subject) == ("99594085586301032", "99594085586301032")
    assert event.created_date == date(2020, 10, 13)
    assert event.network_numbers == ["49196175"]
    assert (event.brief_level, event.rank) == ("10", 0)
    assert event.is_suppressed is True
    assert event.is_suppressed_externally is None
    assert event.is_suppressed_from_metadoor is False
    assert event.holdings_link == "/almaws/v1/bibs/99594085586301032/holdings"
    assert (event.linked_record_id, event.linked_record_type) == ("", "")


MARKUP = st.text("<>/=\"'& \x00aé") | st.lists(
    st.sampled_from(
        [
            *("<record>", "</record>", "<leader>", "</leader>", "</datafield>", "</subfield>"),
            *('<datafield tag="245">', "<datafield>", '<subfield code="a">', "<subfield code=''>"),
            *('<controlfield tag="1">', "</controlfield>", "x", "00420nam  22001453u 4500", "<a/>"),
        ]
    )
).map("".join)


@settings(deadline=None)
@given(MARKUP)
def test_no_record_raises_anything_but_a_typed_error(markup) -> None:
    event = read_event(b'{"action":"BIB","bib":{}}')
    assert isinstance(event, BibEvent)
    event.payload = {"anies": [f"<record>{markup}</record>"]}
    try:
        assert event.marc() is not None
    except MessageError:
        return
