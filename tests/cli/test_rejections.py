import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from almahook import errors
from almahook.app.recheck import recheck
from almahook.cli.advice import advice
from almahook.inbox import EventFilter, Rejection
from almahook.inbox.sqlite import SQLiteInbox
from almahook.protocol import Endpoint, sign
from almahook.testing import sample
from asking import answered
from operating import HOUR, SECRET, Project

KEYS = [
    "number",
    "at",
    "profile",
    "method",
    "status",
    "code",
    "reason",
    "content_type",
    "size",
    "kept",
]
KEY = SECRET.encode()
ENDPOINTS = {"main": Endpoint(profile="main", secrets=[KEY])}


def refused(body: bytes, **changes) -> Rejection:
    fields = {
        "at": 1.0,
        "profile": "main",
        "method": "POST",
        "code": "signature.mismatch",
        "reason": "",
        "status": 401,
        "signature": sign(body, secret=KEY),
        "size": len(body),
        "body": body,
    }
    return Rejection(**{**fields, **changes})


def stored(project: Project) -> list[str]:
    return [event.event_id for event in project.inbox.events(EventFilter(), limit=100, after=0)]


def test_refused_requests_are_listed_newest_first_with_status_and_reason(almahook, project):
    project.refuse()
    project.refuse(
        profile="mian",
        code="request.unknown_profile",
        status=404,
        reason="No profile of this name is configured.",
        size=0,
        body=b"",
    )
    said = almahook("rejections", "list")
    assert said.status == 0
    newer, older = re.findall(r"^ +\d .*(?:\n {9}.*)*", said.out, re.MULTILINE)
    assert re.match(r" +2 .* 404 +mian +0 ", newer)
    assert re.match(r" +1 .* 401 +main +\d+ ", older)
    assert "No configured secret produced this signature." in " ".join(older.split())
    assert "almahook rejections show 2" in said.err


def test_the_list_goes_back_page_by_page_and_by_profile(almahook, project):
    for profile in ("main", "sandbox", "main"):
        project.refuse(profile=profile)
    first = almahook("rejections", "list", "--limit", 2, "--json").json
    assert ([one["number"] for one in first["rejections"]], first["next"]) == ([3, 2], 2)
    rest = almahook("rejections", "list", "--before", first["next"], "--json").json
    assert ([one["number"] for one in rest["rejections"]], rest["next"]) == ([1], None)
    found = almahook("rejections", "list", "--profile", "sandbox", "--json").json["rejections"]
    assert [one["number"] for one in found] == [2]
    assert "--before 3" in almahook("rejections", "list", "--limit", 1).err


def test_a_refused_request_in_json_has_exactly_the_documented_keys(almahook, project):
    number = project.refuse()
    (listed,) = almahook("rejections", "list", "--json").json["rejections"]
    assert list(listed) == KEYS
    assert listed == almahook("rejections", "show", number, "--json").json


def test_neither_body_nor_signature_is_shown_without_being_asked_for(almahook, project):
    body = sample("USER", user__first_name="Amaranta")
    number = project.refuse(body=body)
    kept = project.inbox.rejections(limit=1)[0]
    for command in ("list", "list --json", f"show {number}", f"show {number} --json"):
        said = almahook("rejections", *command.split())
        assert "Amaranta" not in said.out + said.err
        assert kept.signature not in said.out + said.err
    assert almahook("rejections", "show", number, "--body").raw == body


@pytest.mark.parametrize(
    ("code", "words"),
    [
        ("signature.mismatch", "profiles.main.secrets"),
        ("request.unknown_profile", "/webhooks/main"),
        ("body.json", "please report it"),
    ],
)
def test_one_is_shown_with_what_can_be_done_about_it(almahook, project, code, words):
    assert words in almahook("rejections", "show", project.refuse(code=code)).out


def test_there_is_advice_for_every_reason_that_is_recorded():
    kinds = [errors.RefusalError]
    for kind in kinds:
        kinds += kind.__subclasses__()
    # Those of the last kinds are never recorded: they stand for all of their kind, or have no body.
    recorded = {kind.code for kind in kinds} - {
        "request.refused",
        "signature.invalid",
        "request.unknown_path",
        "request.method",
        "head.too_slow",
    }
    assert [code for code in recorded if not advice(code, profile="main")] == []


def test_one_that_is_not_there_is_a_failure(almahook, project):
    project.refuse()
    said = almahook("rejections", "show", 7)
    assert (said.status, said.out) == (1, "")
    assert "no refused request 7" in said.err


def test_a_stranger_cannot_steer_the_terminal(almahook, project):
    project.refuse(profile="\x1b[2J\x1b]0;owned\x07", method="GET\r\x1b[A", content_type="\x1b[8m")
    for command in ("list", "show 1"):
        assert "\x1b" not in almahook("rejections", *command.split()).out


def test_after_the_secret_was_corrected_what_it_signed_is_taken_in(almahook, project):
    bodies = [sample("LOAN", id=f"31{n}") for n in range(3)]
    for body in bodies:
        project.refuse(body=body, secret="the secret in Alma", ago=HOUR)
    project.refuse(secret="a stranger's")
    assert almahook("rejections", "recheck", "--yes").status == 0
    assert stored(project) == []

    project.write("secret", "the secret in Alma")
    said = almahook("rejections", "recheck", "--yes")

    assert said.status == 0
    assert said.out.splitlines() == [
        "4 refused requests, of which 3 would be accepted now.",
        "  1 would not: No configured secret produced this signature.",
        "Taken in 3 events: 1, 2, 3",
        "almahook serve or almahook work runs their handlers.",
    ]
    assert stored(project) == ["310", "311", "312"]
    assert [one.id for one in project.inbox.rejections(limit=9)] == [4]


def test_what_is_taken_in_is_what_alma_sent_when_it_sent_it(almahook, project):
    body = sample("LOAN", event="LOAN_RETURNED", id="311")
    project.refuse(body=body, secret=SECRET, ago=HOUR)
    (kept,) = project.inbox.rejections(limit=1)
    almahook("rejections", "recheck", "--yes")
    event = project.inbox.event(1)
    assert (event.body, event.received_at, event.secret_index) == (body, kept.at, 0)
    assert (event.action, event.event, event.content_type) == (
        "LOAN",
        "LOAN_RETURNED",
        "application/json",
    )


def test_json_has_what_was_taken_in_and_what_was_left(almahook, project):
    project.receive("LOAN", id="311")
    project.refuse(body=sample("LOAN", id="311"), secret=SECRET)
    project.refuse(body=sample("LOAN", id="312"), secret=SECRET)
    project.refuse(size=70_000)
    said = almahook("rejections", "recheck", "--yes", "--json").json
    # Numbers count up, and a store may leave some out.
    (taken_in,) = project.inbox.events(EventFilter(event_id="312"), limit=2)
    assert said == {
        "taken_in": [
            {"rejection": 1, "event": 1, "duplicate": True},
            {"rejection": 2, "event": taken_in.seq, "duplicate": False},
        ],
        "left": [
            {
                "rejection": 3,
                "code": "body.incomplete",
                "reason": "Its body is not kept in whole (setting rejection_body_bytes).",
            }
        ],
    }


def test_what_arrived_in_another_way_by_now_is_kept_once(almahook, project):
    project.receive("LOAN", id="311")
    project.refuse(body=sample("LOAN", id="311"), secret=SECRET)
    said = almahook("rejections", "recheck", "--yes")
    assert "1 event had arrived by now in another way" in said.out
    assert stored(project) == ["311"]
    assert project.inbox.rejections(limit=1) == []


def test_a_recheck_in_direct_mode_gives_the_events_to_their_handlers(almahook, project):
    project.write(
        "almahook.toml", 'mode = "direct"\n' + (project.folder / "almahook.toml").read_text()
    )
    project.refuse(body=sample("LOAN"), secret=SECRET)
    almahook("rejections", "recheck", "--yes")
    assert project.states(1) == [("loan", 1, "waiting")]


def test_a_recheck_finds_the_secret_that_a_first_run_has_made(almahook, project):
    (project.folder / "almahook.toml").unlink()
    project.write("data/secret", SECRET)
    project.inbox.close()
    project.inbox = SQLiteInbox(project.folder / "data" / "almahook.db")
    project.refuse(secret=SECRET)
    assert "Taken in 1 event: 1" in almahook("rejections", "recheck", "--yes").out


def test_a_recheck_without_a_terminal_needs_a_yes(almahook, project):
    project.refuse(secret=SECRET)
    said = almahook("rejections", "recheck")
    assert (said.status, stored(project)) == (2, [])
    assert "--yes" in said.err


@pytest.mark.parametrize(("answer", "status", "count"), [(b"y\n", 0, 1), (b"n\n", 1, 0)])
def test_a_recheck_on_a_terminal_asks_before_it_takes_anything_in(project, answer, status, count):
    project.refuse(secret=SECRET)
    ended, said = answered(project.folder, "rejections", "recheck", answer=answer)
    assert "Take in 1 event?" in said
    assert (ended, len(stored(project))) == (status, count)


def test_a_recheck_with_a_secret_that_cannot_be_read_changes_nothing(almahook, project):
    project.refuse(secret=SECRET)
    (project.folder / "secret").unlink()
    said = almahook("rejections", "recheck", "--yes")
    assert (said.status, stored(project)) == (2, [])
    assert "secret" in said.err


@given(st.binary(max_size=200), st.integers(0, 300))
def test_only_whole_bodies_that_the_secret_signed_are_right(junk, size):
    body = sample("LOAN")
    assert recheck(refused(body), ENDPOINTS).event is not None
    assert recheck(refused(junk, signature=sign(body, secret=KEY)), ENDPOINTS).event is None
    assert recheck(refused(body, size=size), ENDPOINTS).event is None


@pytest.mark.parametrize(
    "changes",
    [
        {"method": "GET"},
        {"profile": "gone"},
        {"signature": ""},
        {"code": "body.too_large"},
        {"code": "body.slow"},
        {"signature": sign(sample("LOAN"), secret=b"another")},
    ],
)
def test_what_would_be_refused_today_stays_refused(changes):
    checked = recheck(refused(sample("LOAN"), **changes), ENDPOINTS)
    assert checked.event is None
    assert checked.code
    assert checked.reason
