import json
import math
from collections.abc import Callable
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from almahook.errors import (
    EmptyBodyError,
    EncodingError,
    JSONError,
    MessageError,
    NestingError,
)
from almahook.protocol import ACTIONS, Envelope, envelope, envelope_of, plain_json, read_envelope
from almahook.protocol.document import read_document

unhurried = settings(deadline=None)

DECODERS = {
    "msgspec": envelope.parse_document,
    "json": lambda body: read_document(body, plain_json.decode),
}


@pytest.fixture(scope="module", params=DECODERS)
def parse_document(request: pytest.FixtureRequest) -> Callable[[bytes], dict[str, Any]]:
    return DECODERS[request.param]


@pytest.mark.parametrize("body", [b"", b" ", b"\r\n\t ", b"\xef\xbb\xbf", b"\xef\xbb\xbf \n"])
def test_an_empty_body_is_refused_as_empty(body, parse_document) -> None:
    with pytest.raises(EmptyBodyError):
        parse_document(body)


@pytest.mark.parametrize("body", [b"[1]", b"1", b'"LOAN"', b"null", b"true", b"[]", b'[{"a":1}]'])
def test_a_body_whose_top_is_no_object_is_not_a_message(body, parse_document) -> None:
    with pytest.raises(MessageError) as refusal:
        parse_document(body)
    assert refusal.value.code == "body.not_a_message"


def test_a_byte_order_mark_and_blanks_around_the_body_are_passed_over(parse_document) -> None:
    assert parse_document(b'\xef\xbb\xbf \r\n{"action":"LOAN"}\r\n ') == {"action": "LOAN"}
    assert parse_document(b"\xef\xbb\xbf<w><action>LOAN</action></w>") == {"action": "LOAN"}


def test_a_pretty_printed_body_is_read_alike(parse_document) -> None:
    document = {"action": "LOAN", "item_loan": {"title": "é", "a": [1, 2.5, None, {"b": True}]}}
    assert parse_document(json.dumps(document, indent=2).encode()) == document


WHOLE = (
    '{"action":"LOAN","item_loan":{"title":"Üb","a":[1,2.5,null,true,{"b":"\\u00e9"}]}}'.encode()
)


@pytest.mark.parametrize("length", range(1, len(WHOLE)))
def test_a_body_that_was_cut_off_anywhere_is_refused(length, parse_document) -> None:
    with pytest.raises((JSONError, EncodingError)):
        parse_document(WHOLE[:length])


@pytest.mark.parametrize(
    "body",
    [
        b'{"action":NaN}',
        b'{"action":Infinity}',
        b'{"a":-Infinity}',
        b'{"a":01}',
        b'{"a":+1}',
        b'{"a":1.}',
        b'{"a":.5}',
        b'{"a":0x1}',
        b'{"a":1_000}',
        b'{"a":1,}',
        b"{'a':1}",
        b"{a:1}",
        b'{"a":1}x',
        b'{"a":1}{"a":1}',
        b'{"a":1}\x00',
        b'{"a":"\x00"}',
        b'{"a":"\x1f"}',
        b'{"a":"\n"}',
        b'{"a":"\\x41"}',
        b'{"a":"\\u00g1"}',
        b'{"a":undefined}',
        b'{"a":1//\n}',
        b"action=LOAN",
        b"not json",
    ],
)
def test_what_is_not_json_is_refused(body, parse_document) -> None:
    with pytest.raises(JSONError):
        parse_document(body)


@pytest.mark.parametrize(
    "bad",
    [b"\xff", b"\xc3", b"\x80", b"\xc0\x80", b"\xed\xa0\x80", b"\xf4\x90\x80\x80", b"caf\xe9"],
    ids=["no start", "cut", "continuation", "overlong", "surrogate", "beyond unicode", "latin-1"],
)
def test_bytes_that_are_not_utf_8_are_refused_wherever_they_stand(bad, parse_document) -> None:
    for body in (b'{"a":"%b"}', b'{"%b":1}', b'{"a":1}%b', b"%b"):
        with pytest.raises(EncodingError):
            parse_document(body % bad)


@pytest.mark.parametrize("encoding", ["utf-16", "utf-32"])
def test_another_encoding_of_unicode_is_refused_as_an_encoding(encoding, parse_document) -> None:
    with pytest.raises(EncodingError):
        parse_document('{"action":"LOAN"}'.encode(encoding))


TWICE = [
    (b'{"action":"LOAN","action":"BIB"}', {"action": "BIB"}),
    (b'{"action":"LOAN","\\u0061ction":"BIB"}', {"action": "BIB"}),
    (b'{"x":{"a":1,"b":2,"a":3}}', {"x": {"a": 3, "b": 2}}),
    (b'{"x":{"a":1},"x":{"b":2}}', {"x": {"b": 2}}),
    (b'{"":1,"":2}', {"": 2}),
    ('{"é":1,"\\u00e9":2}'.encode(), {"é": 2}),
]


@pytest.mark.parametrize(("body", "document"), TWICE)
def test_of_a_key_that_stands_twice_in_one_object_the_last_counts(
    body, document, parse_document
) -> None:
    assert parse_document(body) == document


def test_a_key_may_stand_in_several_objects_and_in_two_cases(parse_document) -> None:
    body = b'{"a":{"a":{"a":1}},"A":[{"a":1},{"a":1}]}'
    assert parse_document(body) == json.loads(body)


@pytest.mark.parametrize("number", ["100.0", "1e3", "1.10", "-0", "1E3", "0.1e-7", "1e-400"])
def test_a_number_that_has_other_spellings_is_read(number, parse_document) -> None:
    assert parse_document(f'{{"a":{number}}}'.encode()) == {"a": float(number)}


@pytest.mark.parametrize("number", ["1e400", "9" * 5000, "9" * 400 + ".0"])
def test_a_number_that_no_float_holds_is_infinite(number, parse_document) -> None:
    body = f'{{"action":"LOAN","a":{number},"b":-{number}}}'.encode()
    assert parse_document(body) == {"action": "LOAN", "a": math.inf, "b": -math.inf}


def test_a_whole_number_that_no_float_holds_is_exact(parse_document) -> None:
    assert parse_document(b'{"a":%b}' % (b"9" * 400)) == {"a": 10**400 - 1}


def nested(depth: int, opener: str, closer: str) -> bytes:
    return f'{{"a":{opener * (depth - 1)}{closer * (depth - 1)}}}'.encode()


@pytest.mark.parametrize(("opener", "closer"), [("[", "]"), ('{"a":', "}"), ('[{"b":', "}]")])
def test_the_depth_that_is_read_is_64(opener, closer, parse_document) -> None:
    at_once = opener.count("[") + opener.count("{")
    inner = "1" if opener.endswith(":") else ""

    def body(depth: int) -> bytes:
        times = (depth - 1) // at_once
        return f'{{"a":{opener * times}{inner}{closer * times}}}'.encode()

    assert parse_document(body(63))
    with pytest.raises(NestingError):
        parse_document(body(67))


def test_the_64th_level_is_the_last(parse_document) -> None:
    assert parse_document(nested(64, "[", "]"))
    with pytest.raises(NestingError):
        parse_document(nested(65, "[", "]"))


@pytest.mark.parametrize("depth", [100, 900, 1100, 200_000])
def test_deeper_bodies_are_refused_before_they_exhaust_the_stack(depth, parse_document) -> None:
    with pytest.raises(NestingError):
        parse_document(nested(depth, "[", "]"))
    with pytest.raises(MessageError):
        parse_document(b'{"a":' * depth)


def test_what_one_caller_can_read_a_caller_far_down_the_stack_can_read(parse_document) -> None:
    body = nested(64, "[", "]")

    def read_from(calls: int) -> dict[str, Any]:
        return read_from(calls - 1) if calls else parse_document(body)

    assert read_from(500) == parse_document(body)


def test_many_brackets_side_by_side_are_not_deep(parse_document) -> None:
    body = b'{"a":[%b{}]}' % (b"{}," * 10_000)
    assert len(parse_document(body)["a"]) == 10_001


@pytest.mark.parametrize(
    ("escaped", "text"),
    [
        ("a\\ud83d", "a\ufffd"),
        ("\\uD83D.", "\ufffd."),
        ("\\udcda\\ud83d", "\ufffd\ufffd"),
        ("\\ud83d\\ud83d\\udcda", "\ufffd📚"),
        ("\\ud83d\\udcda\\udcda", "📚\ufffd"),
        ("\\ud83d\\u0041", "\ufffdA"),
        ("\\\\ud83d\\ud83d", "\\ud83d\ufffd"),
        ("\\ud83d\\\\", "\ufffd\\"),
    ],
)
def test_a_text_that_was_cut_within_a_character_is_not_lost_for_it(
    escaped, text, parse_document
) -> None:
    body = f'{{"action":"LOAN","item_loan":{{"title":"{escaped}"}}}}'.encode()
    assert parse_document(body)["item_loan"]["title"] == text


def test_a_cut_character_hides_no_other_fault(parse_document) -> None:
    with pytest.raises(JSONError):
        parse_document(b'{"a":"\\ud83d",}')
    with pytest.raises(JSONError):
        parse_document(b'{"a":"\\ud83')


KEYS = st.sampled_from(["a", "b", "é", "📚", "", "value"])
LEAVES = st.one_of(st.none(), st.booleans(), st.integers(), st.text(max_size=5))
VALUES = st.recursive(
    st.one_of(LEAVES, st.floats(allow_nan=False, allow_infinity=False)),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(KEYS, inner, max_size=3),
    max_leaves=8,
)


@unhurried
@given(st.dictionaries(KEYS, VALUES), st.booleans(), st.sampled_from([None, 2]))
def test_any_json_object_is_read_as_python_s_own_parser_reads_it(
    parse_document, document, ascii_only, indent
) -> None:
    body = json.dumps(document, ensure_ascii=ascii_only, indent=indent).encode()
    assert parse_document(body) == json.loads(body)


@unhurried
@given(st.dictionaries(KEYS, VALUES))
def test_the_compact_form_is_read_alike(parse_document, document) -> None:
    assert parse_document(msgspec.json.encode(document)) == document


BYTES = st.one_of(
    st.binary(),
    st.text('{}[]":,\\u0123456789adeft \n\x00é📚').map(str.encode),
    st.binary().map(lambda inner: b'{"action":"LOAN","x":' + inner + b"}"),
    st.text(st.characters(exclude_categories=["Cs"])).map(lambda text: f'{{"{text}":1}}'.encode()),
)


@settings(deadline=None, max_examples=500)
@given(BYTES)
def test_no_bytes_raise_anything_but_a_message_error(parse_document, body) -> None:
    try:
        document = parse_document(body)
    except MessageError:
        return
    assert isinstance(document, dict)


def said_by(decoder: str, body: bytes) -> object:
    try:
        # As text, so that true is not 1 and the order of the keys counts.
        return repr(DECODERS[decoder](body))
    except MessageError as error:
        return type(error)


@st.composite
def damaged(draw: st.DrawFn) -> bytes:
    """A message, with a few of its bytes taken out or others put in."""
    document = draw(st.dictionaries(KEYS, VALUES, max_size=3))
    body = json.dumps(document, ensure_ascii=draw(st.booleans())).encode()
    return with_damage(draw, body, times=draw(st.integers(0, 3)))


def with_damage(draw: st.DrawFn, whole: bytes, *, times: int) -> bytes:
    body = bytearray(whole)
    for _ in range(times):
        start = draw(st.integers(0, len(body)))
        end = draw(st.integers(start, min(len(body), start + 2)))
        body[start:end] = draw(st.sampled_from([b"", *PIECES]))
    return bytes(body)


PIECES = [
    *(
        b"{",
        b"}",
        b"[",
        b"]",
        b",",
        b":",
        b'"',
        b"\\",
        b"/",
        b" ",
        b"\t",
        b"\x00",
        b"\x1f",
        b"\x7f",
    ),
    *(b"0", b"-", b"+", b".", b"e", b"1e999", b"-0", b"-0.0", b"NaN", b"Infinity", b"-Infinity"),
    *(b"\\ud83d", b"\\udcda", b"\\u0000", b"\\u00", b"\xff", b"\xed\xa0\x80", b"\xef\xbb\xbf"),
    *(b"true", b"null", b"9" * 30, b"9" * 4300, b"9" * 4301, b'"a":1,', b'"value":1,', b"//", b"'"),
]


@settings(deadline=None, max_examples=1000)
@given(st.one_of(BYTES, damaged()))
def test_both_decoders_say_the_same_of_the_same_bytes(body) -> None:
    assert said_by("json", body) == said_by("msgspec", body)


PATHS = [(one.payload, *one.subject) for one in ACTIONS.values()]
CODED = st.one_of(LEAVES, st.dictionaries(st.sampled_from(["value", "desc"]), LEAVES))


@st.composite
def payloads(draw: st.DrawFn) -> tuple[str, Any]:
    """What stands where the id of a message's subject is looked for, or something like it."""
    key, *inner = draw(st.sampled_from(PATHS))
    value = draw(st.one_of(CODED, VALUES))
    for name in reversed(inner):
        value = draw(st.sampled_from([value, {name: value}, [{name: value}], [value], None]))
    return key, value


@st.composite
def messages(draw: st.DrawFn) -> bytes:
    """A message, perhaps damaged, whose keys come in any order and some of them twice."""
    fields = [
        ("action", draw(st.sampled_from([*ACTIONS, "loan", "OTHER", "", None, 7]))),
        *draw(st.lists(st.tuples(st.sampled_from(["id", "event", "institution", "time"]), CODED))),
        *draw(st.lists(payloads(), max_size=3)),
        *draw(st.lists(st.tuples(KEYS, VALUES), max_size=2)),
    ]
    in_any_order = draw(st.permutations(fields))
    written = [f"{json.dumps(key)}:{json.dumps(value)}" for key, value in in_any_order]
    body = b"{" + ",".join(written).encode() + b"}"
    return with_damage(draw, body, times=draw(st.sampled_from([0, 0, 0, 1, 2])))


PASSED_OVER = [b'"\xff"', b'"\\ud83d"', b"1e400", b"[" * 64 + b"]" * 64, b"01", b'"\x01"', b"tru"]
ODD = [*("", " 7", "7 ", "a b", "é", "\0", "9" * 256, "../x", "x" * 101, "\u00a07"), None, 7, {}]


@st.composite
def nearly_usual(draw: st.DrawFn) -> bytes:
    """A message as Alma writes it, in which little is odd."""

    def text() -> Any:
        return draw(st.sampled_from(["7"] * 40 + ODD))

    action = draw(st.sampled_from(sorted(ACTIONS)))
    payload: Any = text()
    for key in reversed(ACTIONS[action].subject):
        payload = {key: payload, "a": [{"b": 1}]}
    fields = {
        "id": text(),
        "action": draw(st.sampled_from([action] * 20 + [action.lower(), f"{action} "])),
        "event": draw(st.sampled_from([{"value": text(), "desc": "x"}] * 5 + [None])),
        "institution": {"value": text(), "desc": "x"},
        "time": text(),
        ACTIONS[action].payload: payload,
    }
    body = json.dumps(fields).encode()
    odd = draw(st.sampled_from([b"1"] * 20 + PASSED_OVER))
    return body[:-1] + b',"x":%b}' % odd


def envelope_or_error(read: Callable[[bytes], Envelope], body: bytes) -> object:
    try:
        return read(body)
    except MessageError as error:
        return type(error)


@settings(deadline=None, max_examples=1500)
@given(st.one_of(messages(), nearly_usual(), BYTES, damaged()))
def test_an_envelope_is_that_of_the_whole_message_though_not_all_of_it_is_decoded(body) -> None:
    whole = envelope_or_error(lambda given: envelope_of(parse_all(given)), body)
    assert envelope_or_error(read_envelope, body) == whole


@pytest.mark.parametrize("passed_over", PASSED_OVER)
def test_what_an_envelope_does_not_need_is_held_to_the_same_rules(passed_over) -> None:
    body = b'{"id":"1","action":"LOAN","item_loan":{"loan_id":"5"},"x":%b}' % passed_over
    whole = envelope_or_error(lambda given: envelope_of(parse_all(given)), body)
    assert envelope_or_error(read_envelope, body) == whole


def parse_all(body: bytes) -> dict[str, Any]:
    return DECODERS["json"](body)
