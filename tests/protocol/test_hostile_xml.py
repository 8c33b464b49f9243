import encodings
import pkgutil
import re
import sys

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from almahook.errors import (
    EncodingError,
    ForbiddenXMLError,
    InvalidActionError,
    MessageError,
    NestingError,
    XMLError,
)
from almahook.protocol import parse_document, read_envelope

LOAN = "<id>7</id><action>LOAN</action><item_loan><loan_id>5</loan_id></item_loan>"
PREFIXED = re.sub("(</?)", r"\1n:", LOAN)


@pytest.mark.parametrize("root", ["webhook", "notification", "Notification", "x", "a:webhook"])
def test_the_name_of_the_root_means_nothing(root) -> None:
    body = f'<{root} xmlns:a="urn:a">{LOAN}</{root}>'.encode()
    found = read_envelope(body)
    assert (found.id, found.action, found.subject) == ("7", "LOAN", "5")


@pytest.mark.parametrize(
    "body",
    [
        f'<webhook xmlns="http://com/exlibris/urm/webhook">{LOAN}</webhook>',
        f"<n:webhook xmlns:n='urn:n'>{PREFIXED}</n:webhook>",
        f"<?xml version='1.0'?>\n<!-- a comment -->\n<webhook>\n{LOAN}\n</webhook>\n<!-- -->",
        f"<webhook>{LOAN.replace('LOAN', '<![CDATA[LOAN]]>')}</webhook>",
        f"<webhook>{LOAN.replace('LOAN', 'LO<!-- -->AN')}</webhook>",
        f"<webhook>{LOAN.replace('LOAN', '&#76;OAN')}</webhook>",
        f"<webhook><?php evil ?>{LOAN}</webhook>",
    ],
    ids=["default", "prefix", "comments", "cdata", "split", "reference", "instruction"],
)
def test_namespaces_comments_and_spellings_mean_nothing(body) -> None:
    found = read_envelope(body.encode())
    assert (found.id, found.action, found.subject) == ("7", "LOAN", "5")


def test_what_is_about_the_markup_itself_is_no_part_of_the_message() -> None:
    body = (
        b'<webhook xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance"'
        b' xsi:schemaLocation="urn:a a.xsd"><action xsi:type="xs:string">LOAN</action>'
        b'<item_loan><author xsi:nil="true"/><library desc="Main">M</library></item_loan></webhook>'
    )
    loan = {"author": None, "library": {"value": "M", "desc": "Main"}}
    assert parse_document(body) == {"action": "LOAN", "item_loan": loan}


@pytest.mark.parametrize(
    "doctype",
    [
        "<!DOCTYPE webhook>",
        '<!DOCTYPE webhook SYSTEM "http://127.0.0.1/x.dtd">',
        '<!DOCTYPE webhook PUBLIC "-//X//Y" "file:///etc/passwd">',
        '<!DOCTYPE webhook [<!ENTITY a "LOAN">]>',
        '<!DOCTYPE webhook [<!ENTITY a SYSTEM "file:///etc/passwd">]>',
        '<!DOCTYPE webhook [<!ENTITY % a SYSTEM "http://127.0.0.1/x"> %a;]>',
        '<!DOCTYPE webhook [<!ELEMENT webhook ANY><!ATTLIST webhook a CDATA "x">]>',
        '<!DOCTYPE webhook [<!ENTITY a "ha"><!ENTITY b "&a;&a;"><!ENTITY c "&b;&b;">]>',
    ],
)
def test_a_document_type_is_refused_whatever_it_declares(doctype) -> None:
    body = f"<?xml version='1.0'?>{doctype}<webhook><action>&a;</action></webhook>"
    with pytest.raises(ForbiddenXMLError):
        parse_document(body.encode())


def test_the_billion_laughs_are_refused_unread() -> None:
    laughs = "".join(f'<!ENTITY l{number} "{f"&l{number - 1};" * 10}">' for number in range(1, 10))
    body = f'<!DOCTYPE w [<!ENTITY l0 "ha">{laughs}]><w><action>&l9;</action></w>'
    with pytest.raises(ForbiddenXMLError):
        parse_document(body.encode())


@pytest.mark.parametrize(
    "body",
    [
        "<",
        "<webhook",
        "<webhook>",
        "<webhook><action>LOAN</action>",
        "<webhook></notification>",
        "<webhook/><webhook/>",
        "<webhook>&undefined;</webhook>",
        "<webhook>&#0;</webhook>",
        "<webhook>\x00</webhook>",
        "<webhook>\x1b</webhook>",
        "<webhook>&#xFFFF;</webhook>",
        '<webhook a="1" a="2"/>',
        "<webhook a=1/>",
        "<n:webhook/>",
        '<webhook n:a="1"/>',
        "<webhook/>x",
        "<webhook>a & b</webhook>",
        "<html><br></html>",
        "<!DOCTYPE",
        "<![CDATA[x]]>",
        "<?xml version='1.0'?>",
        "<!-- only a comment -->",
        "<1/>",
        "<>",
    ],
)
def test_what_is_not_well_formed_is_refused(body) -> None:
    with pytest.raises(XMLError):
        parse_document(body.encode())


@pytest.mark.parametrize("body", ["<webhook/>", "<webhook>LOAN</webhook>", "<LOAN a='x'/>"])
def test_well_formed_xml_without_an_action_is_no_message(body) -> None:
    with pytest.raises(InvalidActionError):
        read_envelope(body.encode())


def test_an_action_that_is_told_twice_is_none() -> None:
    with pytest.raises(InvalidActionError):
        read_envelope(b"<webhook><action>LOAN</action><action>BIB</action></webhook>")


def test_an_action_that_is_no_plain_name_is_refused() -> None:
    with pytest.raises(InvalidActionError):
        read_envelope(b"<webhook><action>../x</action></webhook>")


@pytest.mark.parametrize(
    "claim", ["UTF-8", "utf-8", "UTF-16", "ISO-8859-1", "US-ASCII", "x-made-up"]
)
def test_the_bytes_are_utf_8_whatever_the_declaration_claims(claim) -> None:
    body = f"<?xml version='1.0' encoding='{claim}'?><w><action>LOAN</action><t>é📚</t></w>"
    assert parse_document(body.encode()) == {"action": "LOAN", "t": "é📚"}


@pytest.mark.parametrize(
    ("claim", "encoding"),
    [("ISO-8859-1", "latin-1"), ("windows-1252", "cp1252"), ("UTF-8", "latin-1"), ("", "latin-1")],
)
def test_bytes_that_are_not_utf_8_are_refused(claim, encoding) -> None:
    declaration = f"<?xml version='1.0' encoding='{claim}'?>" if claim else ""
    body = f"{declaration}<w><action>LOAN</action><t>é</t></w>".encode(encoding)
    with pytest.raises(EncodingError):
        parse_document(body)


@pytest.mark.parametrize("encoding", ["utf-16", "utf-16-le", "utf-16-be", "utf-32-le"])
@pytest.mark.parametrize("declaration", ["", "<?xml version='1.0' encoding='UTF-16'?>"])
def test_other_encodings_of_unicode_are_refused(encoding, declaration) -> None:
    body = f"{declaration}<w><action>LOAN</action></w>"
    with pytest.raises(MessageError):
        parse_document(body.encode(encoding))


def test_no_codec_is_looked_up_because_a_message_names_it() -> None:
    codecs = [f"encodings.{found.name}" for found in pkgutil.iter_modules(encodings.__path__)]
    unused = [name for name in codecs if name not in sys.modules]
    for name in unused:
        claim = name.removeprefix("encodings.").replace("_", "-")
        body = f"<?xml version='1.0' encoding='{claim}'?><w><action>LOAN</action></w>"
        assert parse_document(body.encode()) == {"action": "LOAN"}
    assert unused
    assert [name for name in unused if name in sys.modules] == []


def test_the_64th_level_is_the_last() -> None:
    assert parse_document(b"<a>" * 64 + b"</a>" * 64) == {"a": _levels(62)}
    with pytest.raises(NestingError):
        parse_document(b"<a>" * 65 + b"</a>" * 65)
    with pytest.raises(NestingError):
        parse_document(b"<a>" * 1_000_000)


def _levels(count: int) -> dict | None:
    return {"a": _levels(count - 1)} if count else None


def test_many_elements_side_by_side_are_not_deep() -> None:
    body = b"<w><action>LOAN</action>" + b"<n>1</n>" * 5000 + b"</w>"
    assert parse_document(body)["n"] == ["1"] * 5000


def test_a_list_is_a_list_however_many_entries_it_has() -> None:
    one = b"<w><alerts><alert desc='A'>a</alert></alerts></w>"
    two = b"<w><alerts><alert desc='A'>a</alert><alert>b</alert></alerts></w>"
    assert parse_document(one)["alert"] == [{"value": "a", "desc": "A"}]
    assert parse_document(two)["alert"] == [{"value": "a", "desc": "A"}, "b"]


def test_a_record_travels_as_its_markup() -> None:
    body = b"<w><action>BIB</action><bib><record><leader>x &amp; y</leader></record></bib></w>"
    record = "<record><leader>x &amp; y</leader></record>"
    assert parse_document(body)["bib"] == {"anies": [record]}


TAGS = st.sampled_from(["action", "id", "value", "record", "items", "item", "n:x", "é", "a"])
TEXTS = st.text(st.characters(codec="utf-8", exclude_categories=["Cc"]), max_size=5)
ELEMENTS = st.recursive(
    TEXTS.map(lambda text: text.replace("&", "&amp;").replace("<", "&lt;")),
    lambda inner: st.builds(
        lambda tag, attribute, parts: f"<{tag}{attribute}>{''.join(parts)}</{tag}>",
        TAGS,
        st.sampled_from(["", ' desc="d"', ' value="v"', ' n:link="/x"', ' xml:lang="en"']),
        st.lists(inner, max_size=4),
    ),
)


@settings(deadline=None)
@given(ELEMENTS)
def test_any_well_formed_xml_is_read_into_a_mapping(inner) -> None:
    body = f'<webhook xmlns:n="urn:n">{inner}</webhook>'.encode()
    try:
        assert isinstance(parse_document(body), dict)
    except XMLError:
        # Characters that XML does not have.
        assert not inner.isprintable() or "\ufffe" in inner or "\uffff" in inner


@settings(deadline=None, max_examples=500)
@given(
    st.one_of(
        st.binary().map(b"<".__add__),
        st.text("<>/&;!?[]='\"-xaDOCTYPE:# \n\x00é").map(lambda text: f"<{text}".encode()),
        st.text("<>/&;![]CDATA").map(lambda text: f"<a><b>{text}</b></a>".encode()),
    )
)
def test_no_bytes_raise_anything_but_a_message_error(body) -> None:
    try:
        document = parse_document(body)
    except MessageError:
        return
    assert isinstance(document, dict)
