import json
from importlib import resources
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from almahook.errors import InvalidActionError
from almahook.protocol import Envelope, envelope, envelope_of, parse_document, read_envelope
from almahook.simulator import EVENTS, Messages, to_xml

SAMPLES = resources.files("almahook.events") / "samples"

unhurried = settings(deadline=None)


def envelope_with(**fields: Any) -> Envelope:
    return read_envelope(json.dumps({"action": "LOAN", **fields}).encode())


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        (
            "job_end_2020",
            Envelope(
                id="6974872783500230",
                action="JOB_END",
                institution="01EXAMPLE_INST",
                time="2020-10-13T16:28:05.731Z",
                subject="M53",
            ),
        ),
        (
            "loan_returned_2024",
            Envelope(
                id="3195084610515693201",
                action="LOAN",
                event="LOAN_RETURNED",
                institution="01EXAMPLE_INST",
                time="2024-11-05T16:20:36.005Z",
                subject="6910685616953322",
            ),
        ),
    ],
)
def test_the_envelope_is_what_alma_wrote(name, expected) -> None:
    assert read_envelope((SAMPLES / f"{name}.json").read_bytes()) == expected


@pytest.mark.parametrize(
    ("name", "subject"),
    [
        ("job_end_2024_system_publishing", "S48800410002319"),
        ("notification_cancel_request_2020", "amendez"),
        ("user_updated_2024", "amendez"),
        ("loan_created_2020", "6910685616953322"),
        ("request_placed_on_shelf_2020", "6925916824228777"),
        ("bib_created_2020", "99594085586301032"),
        ("item_updated_2020", "23521298014864503"),
    ],
)
def test_the_subject_is_the_id_of_the_thing_the_message_is_about(name, subject) -> None:
    assert read_envelope((SAMPLES / f"{name}.json").read_bytes()).subject == subject


@pytest.mark.parametrize("field", ["id", "event", "institution", "time", "item_loan"])
def test_null_and_absent_are_the_same(field) -> None:
    assert envelope_with(**{field: None}) == envelope_with()


@pytest.mark.parametrize("value", [None, [], {}, {"value": None}, {"desc": "x"}, True, ["x"], 1.5])
def test_what_is_no_text_is_as_if_it_were_absent(value) -> None:
    fields = dict.fromkeys(["id", "event", "institution", "time"], value)
    assert envelope_with(**fields, item_loan=value) == envelope_with()


def test_a_code_may_come_with_or_without_its_description() -> None:
    plain = envelope_with(event="LOAN_LOST", institution="01X")
    coded = {"event": {"value": "LOAN_LOST", "desc": "Lost"}, "institution": {"value": "01X"}}
    assert envelope_with(**coded) == plain


def test_the_action_is_upper_case_and_may_be_coded() -> None:
    assert read_envelope(b'{"action":"job_end"}').action == "JOB_END"
    assert read_envelope(b'{"action":{"value":" Loan "}}').action == "LOAN"


@pytest.mark.parametrize("action", ["PORTFOLIO", "x", "A" * 100, "loan.v2", "LOAN EXTENDED", "9-A"])
def test_an_action_that_nobody_knows_is_legal(action) -> None:
    found = read_envelope(json.dumps({"action": action, "event": action}).encode())
    assert (found.action, found.event) == (action.upper(), action)


BAD_NAMES = [
    *("../x", "..", ".hidden", "/etc/passwd", "a/b", "a\\b", "C:x", "-rf", "_private"),
    *("A" * 101, "A" * 100_000, "LOAN\u0000", "LOAN\nX", "LÖAN", "\uff2cOAN", "٣", "a\u200bb"),
    *("$(id)", "{{7*7}}", "%2e%2e", "a;b", "'", '"', "<b>"),
]


@pytest.mark.parametrize("name", BAD_NAMES)
def test_an_action_or_event_that_is_no_plain_name_is_refused(name) -> None:
    with pytest.raises(InvalidActionError):
        read_envelope(json.dumps({"action": name}).encode())
    with pytest.raises(InvalidActionError):
        envelope_with(event=name)
    with pytest.raises(InvalidActionError):
        envelope_with(event={"value": name})


@pytest.mark.parametrize("action", [None, "", "  ", {}, [], ["LOAN"], {"value": ["LOAN"]}, True])
def test_a_message_without_an_action_is_refused(action) -> None:
    with pytest.raises(InvalidActionError):
        read_envelope(json.dumps({"action": action}).encode())


def test_a_document_without_any_known_field_is_refused() -> None:
    with pytest.raises(InvalidActionError):
        read_envelope(b"{}")


@pytest.mark.parametrize("digits", ["7120811384122420557", "9007199254740993", "9" * 40, "007"])
def test_ids_keep_every_digit(digits) -> None:
    found = envelope_with(id=digits, item_loan={"loan_id": digits})
    assert (found.id, found.subject) == (digits, digits)


@pytest.mark.parametrize("digits", ["7120811384122420557", "18446744073709551617", "9" * 40])
def test_an_id_that_is_a_number_keeps_every_digit_too(digits) -> None:
    found = envelope_with(id=int(digits), item_loan={"loan_id": int(digits)})
    assert (found.id, found.subject) == (digits, digits)


def test_a_fraction_is_no_id_since_two_of_them_could_be_one() -> None:
    body = b'{"action":"LOAN","id":%b}'
    assert read_envelope(body % b"7120811384122420557.0").id == ""
    assert read_envelope(body % b"1e3").id == ""


LONG = "x" * 256
UNPRINTABLE = ["a\u0000b", "\u001b[2J", "a\nb", "a\u202eb", "a\u2028b", "\ue000"]


@pytest.mark.parametrize("name", [LONG, "x" * 1_000_000, *UNPRINTABLE])
def test_an_id_that_is_no_fit_key_is_known_by_its_digest(name) -> None:
    found = envelope_with(id=name, item_loan={"loan_id": name})
    assert found.id.startswith("sha256:")
    assert found.id == found.subject
    assert len(found.id) == 71


def test_two_ids_that_are_no_fit_keys_stay_two() -> None:
    assert envelope_with(id=f"{LONG}a").id != envelope_with(id=f"{LONG}b").id
    assert envelope_with(id=f"{LONG}a").id == envelope_with(id=f"{LONG}a").id


def test_an_id_of_255_characters_in_any_script_is_itself() -> None:
    for name in ["x" * 255, "é" * 255, "図" * 255, "amendez@example.edu", "O'Brien, A."]:
        assert envelope_with(id=name).id == name


@pytest.mark.parametrize("text", [LONG, *UNPRINTABLE])
def test_an_institution_or_a_time_that_cannot_be_one_is_as_if_absent(text) -> None:
    assert envelope_with(institution=text, time=text) == envelope_with()


@pytest.mark.parametrize("subject", [[], [[]], [None], "x", {"loan_id": {"value": []}}])
def test_a_payload_of_another_shape_has_no_subject(subject) -> None:
    assert envelope_with(item_loan=subject).subject == ""


def test_the_first_of_several_payloads_tells_the_subject() -> None:
    assert envelope_with(item_loan=[{"loan_id": "1"}, {"loan_id": "2"}]).subject == "1"


def test_an_unknown_action_has_no_subject() -> None:
    body = b'{"action":"PORTFOLIO","portfolio":{"id":"1"},"item_loan":{"loan_id":"2"}}'
    assert read_envelope(body).subject == ""


def test_the_order_of_the_keys_means_nothing() -> None:
    document = json.loads((SAMPLES / "loan_returned_2024.json").read_bytes())
    backwards = dict(reversed(document.items()))
    assert read_envelope(json.dumps(backwards).encode()) == read_envelope(
        json.dumps(document).encode()
    )


def test_of_an_ordinary_message_only_the_envelope_is_decoded(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def decode_all(_: bytes) -> None:
        raise AssertionError

    monkeypatch.setattr(envelope, "parse_document", decode_all)
    messages = Messages(seed=4)
    for action in EVENTS:
        for _ in range(10):
            assert read_envelope(messages.message(action)).action == action


TEXTS = st.text(
    st.characters(exclude_categories=["Cc", "Cs"], exclude_characters="\ufffe\uffff"), max_size=300
)
IDS = st.one_of(TEXTS, st.integers(), st.none())
CODES = st.one_of(TEXTS, st.none(), st.fixed_dictionaries({"value": TEXTS, "desc": TEXTS}))
NAMES = st.from_regex(r"[A-Za-z0-9][A-Za-z0-9_.\- ]{0,99}", fullmatch=True)
DOCUMENTS = st.fixed_dictionaries(
    {"action": st.sampled_from(["LOAN", "loan", "REQUEST"])},
    optional={
        "id": IDS,
        "event": st.one_of(NAMES, st.none(), st.fixed_dictionaries({"value": NAMES})),
        "institution": CODES,
        "time": TEXTS,
        "item_loan": st.fixed_dictionaries({}, optional={"loan_id": IDS, "title": TEXTS}),
        "user_request": st.fixed_dictionaries({}, optional={"request_id": IDS}),
    },
)


@unhurried
@given(DOCUMENTS)
def test_the_xml_of_a_message_has_the_same_envelope(document) -> None:
    body = json.dumps(document).encode()
    assert read_envelope(to_xml(body)) == read_envelope(body)


@unhurried
@given(DOCUMENTS)
def test_whatever_the_fields_say_each_of_them_fits_a_key(document) -> None:
    found = read_envelope(json.dumps(document).encode())
    for text in (found.id, found.event, found.institution, found.time, found.subject):
        assert len(text) <= 255
        assert text.isprintable()


SHAPES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | TEXTS,
    lambda inner: (
        st.lists(inner, max_size=2)
        | st.dictionaries(st.sampled_from(["value", "loan_id", "desc"]), inner, max_size=2)
    ),
    max_leaves=4,
)
KEYS = ["id", "action", "event", "institution", "time", "item_loan", "bib", "more"]


@unhurried
@given(DOCUMENTS, st.dictionaries(st.sampled_from(KEYS), SHAPES, max_size=3))
def test_passing_over_most_of_a_message_reads_what_decoding_all_of_it_reads(
    document, changes
) -> None:
    body = json.dumps(document | changes).encode()
    try:
        wanted = envelope_of(parse_document(body))
    except InvalidActionError:
        with pytest.raises(InvalidActionError):
            read_envelope(body)
    else:
        assert read_envelope(body) == wanted
