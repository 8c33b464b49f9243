import re
import subprocess
import sys
import time
from datetime import UTC, datetime
from typing import get_args

import pytest

from almahook.cli.event_options import State
from almahook.inbox import RunState
from almahook.testing import sample
from operating import DAY, HOUR

EVENT_KEYS = [
    "number",
    "profile",
    "action",
    "event",
    "id",
    "institution",
    "time",
    "subject",
    "received_at",
    "content_type",
    "size",
    "secret_index",
    "states",
    "runs",
]
RUN_KEYS = [
    "handler",
    "number",
    "state",
    "attempts",
    "created_at",
    "due_at",
    "settled_at",
    "reason",
]
ATTEMPT_KEYS = ["number", "started_at", "ended_at", "outcome", "error", "traceback", "log"]
COMMAND = [sys.executable, "-c", "from almahook.cli import main; main()"]


def numbers(said) -> list[int]:
    assert said.status == 0, said.err
    return [event["number"] for event in said.json["events"]]


def rows(said) -> list[list[str]]:
    assert said.status == 0, said.err
    return [re.split(r" {2,}", line.strip()) for line in said.out.splitlines()[1:]]


def day(at: float) -> str:
    return f"{datetime.fromtimestamp(at, tz=UTC).astimezone():%Y-%m-%d}"


def test_the_list_shows_the_newest_first_with_what_became_of_each(almahook, project):
    project.ended(RunState.SUCCEEDED, event="LOAN_RETURNED", id="311")
    project.ended(RunState.PARKED, action="JOB_END", handler="job_end", id="312")
    project.receive("ITEM", event="ITEM_UPDATED", id="313")

    found = rows(almahook("events", "list"))

    assert [(row[0], *row[2:]) for row in found] == [
        ("3", "ITEM_UPDATED", "313", "pending"),
        ("2", "JOB_END", "312", "parked"),
        ("1", "LOAN_RETURNED", "311", "succeeded"),
    ]


def test_the_list_tells_when_an_event_was_received_in_local_time(almahook, project):
    project.receive(ago=400 * DAY)
    before = time.time() - 400 * DAY
    assert rows(almahook("events", "list"))[0][1] in {day(before), day(before - 5)}


def test_an_event_of_several_handlers_shows_the_runs_that_count(almahook, project):
    project.receive()
    project.dispatch("loan", "job_end", "third")
    project.end(project.lease("loan", "job_end"), RunState.SUCCEEDED)
    project.end(project.lease("third"), RunState.PARKED)
    assert " ".join(almahook("events", "list").out.split()).endswith("1 parked, 2 succeeded")
    assert almahook("events", "list", "--json").json["events"][0]["states"] == [
        "parked",
        "succeeded",
    ]


def test_a_run_that_was_replayed_counts_no_more(almahook, project):
    seq = project.ended(RunState.PARKED, action="JOB_END", handler="job_end")
    almahook("events", "replay", seq)
    (found,) = almahook("events", "list", "--json").json["events"]
    assert found["states"] == ["waiting"]
    assert [run["state"] for run in found["runs"]] == ["parked", "waiting"]


def test_the_list_goes_back_page_by_page_with_the_cursor_it_names(almahook, project):
    seqs = [project.receive() for _ in range(5)]
    found, cursor = [], []
    while True:
        said = almahook("events", "list", "--limit", 2, *cursor)
        found += [int(row[0]) for row in rows(said)]
        if not (more := re.search(r"--before (\d+)", said.err)):
            break
        cursor = ["--before", more[1]]
    assert found == seqs[::-1]


def test_json_names_the_cursor_and_null_when_there_is_nothing_older(almahook, project):
    first, second = project.receive(), project.receive()
    assert almahook("events", "list", "--limit", 1, "--json").json["next"] == second
    said = almahook("events", "list", "--limit", 1, "--before", second, "--json")
    assert (numbers(said), said.json["next"]) == ([first], None)


def test_a_page_may_be_longer_than_what_is_read_at_once(almahook, project):
    body = sample("LOAN")
    seqs = [project.receive(body=body, id=str(n)) for n in range(230)]
    assert numbers(almahook("events", "list", "--limit", 220, "--json")) == seqs[:9:-1]


def test_an_event_in_json_has_exactly_the_documented_keys(almahook, project):
    seq = project.ended(RunState.PARKED, action="JOB_END", handler="job_end", error="no")
    (listed,) = almahook("events", "list", "--json").json["events"]
    shown = almahook("events", "show", seq, "--json").json
    assert list(listed) == list(shown) == EVENT_KEYS
    assert list(listed["runs"][0]) == RUN_KEYS
    assert list(shown["runs"][0]) == [*RUN_KEYS, "history"]
    assert list(shown["runs"][0]["history"][0]) == ATTEMPT_KEYS


def test_times_in_json_are_utc(almahook, project):
    project.receive()
    (event,) = almahook("events", "list", "--json").json["events"]
    received = datetime.strptime(event["received_at"], "%Y-%m-%dT%H:%M:%S.%fZ").replace(tzinfo=UTC)
    assert abs(time.time() - received.timestamp()) < HOUR


@pytest.mark.parametrize(
    "option",
    [
        ("--profile", "sandbox"),
        ("--action", "LOAN"),
        ("--action", "loan"),
        ("--event", "LOAN_RETURNED"),
        ("--event", "loan_returned"),
        ("--id", "311"),
        ("--subject", "777"),
        ("--since", "2h"),
        ("--state", "succeeded"),
    ],
)
def test_events_are_chosen_by_each_option(almahook, project, option):
    wanted = project.ended(
        RunState.SUCCEEDED, profile="sandbox", event="LOAN_RETURNED", id="311", loan_id="777"
    )
    project.ended(RunState.PARKED, action="JOB_END", handler="job_end", ago=5 * HOUR)
    assert numbers(almahook("events", "list", *option, "--json")) == [wanted]


def test_options_are_combined(almahook, project):
    seqs = [project.receive(ago=hours * HOUR) for hours in (9, 6, 3)]
    said = almahook(
        "events", "list", "--since", "7h", "--until", "5h", "--action", "loan", "--json"
    )
    assert numbers(said) == [seqs[1]]


def test_every_state_of_the_inbox_can_be_asked_for(almahook, project):
    assert set(get_args(State)) == {"pending", "unhandled", *RunState}
    unhandled = project.receive("BIB")
    project.dispatch()
    pending = project.receive("BIB")
    assert numbers(almahook("events", "list", "--state", "unhandled", "--json")) == [unhandled]
    assert numbers(almahook("events", "list", "--state", "pending", "--json")) == [pending]
    states = [one["states"] for one in almahook("events", "list", "--json").json["events"]]
    assert states == [["pending"], ["unhandled"]]


@pytest.mark.parametrize(
    "option", [("--state", "lost"), ("--since", "soon"), ("--limit", 0), ("--before", "x")]
)
def test_an_option_that_cannot_be_is_wrong_use_and_names_the_option(almahook, project, option):
    said = almahook("events", "list", *option)
    assert (said.status, said.out) == (2, "")
    assert option[0] in said.err
    assert "Traceback" not in said.err


def test_nothing_found_is_no_failure(almahook, project):
    said = almahook("events", "list", "--action", "BIB")
    assert (said.status, said.out, said.err) == (0, "", "There is no such event.\n")
    assert almahook("events", "list", "--json").json == {"events": [], "next": None}


@pytest.mark.parametrize(
    "command", ["events list", "events show 1", "events tail", "rejections list", "purge --yes"]
)
def test_looking_never_makes_an_inbox(almahook, tmp_path, monkeypatch, command):
    monkeypatch.chdir(tmp_path)
    said = almahook(*command.split())
    assert said.status == 2
    assert "There is no inbox" in said.err
    assert "--settings" in said.err
    assert list(tmp_path.iterdir()) == []


def test_the_settings_may_be_named(almahook, project, monkeypatch):
    seq = project.receive()
    monkeypatch.chdir("/")
    file = project.folder / "almahook.toml"
    assert numbers(almahook("events", "list", "--json", "--settings", file)) == [seq]


def test_an_inbox_that_cannot_be_read_is_told_without_a_traceback(almahook, project):
    project.inbox.close()
    (project.folder / "inbox.db").write_bytes(b"no database" * 1000)
    said = almahook("events", "list")
    assert said.status == 1
    assert "inbox.db" in said.err
    assert "Traceback" not in said.err


@pytest.mark.parametrize("command", ["events list", "migrate"])
def test_a_file_that_cannot_be_looked_at_is_told_without_a_traceback(almahook, project, command):
    project.write("almahook.toml", f'inbox = "sqlite:{"x" * 300}"\n')
    said = almahook(*command.split())
    assert said.status == 1
    assert "xxx" in said.err
    assert "Traceback" not in said.err


@pytest.mark.parametrize("action", ["USER", "NOTIFICATION"])
@pytest.mark.parametrize("command", ["list --json", "show 1", "show 1 --json", "list"])
def test_a_reader_is_not_named_unless_that_is_asked_for(almahook, project, action, command):
    project.receive(action)
    reader = project.inbox.event(1).subject
    assert reader
    hidden = almahook("events", *command.split())
    assert reader not in hidden.out + hidden.err
    if command != "list":
        assert reader in almahook("events", *command.split(), "--reveal").out


def test_what_is_no_reader_is_shown(almahook, project):
    project.receive("LOAN", loan_id="777")
    assert almahook("events", "list", "--json").json["events"][0]["subject"] == "777"


def test_nothing_of_the_body_is_shown_without_being_asked_for(almahook, project):
    seq = project.receive("USER", body=sample("USER", user__first_name="Amaranta"))
    shown = [almahook("events", "show", seq, "--reveal"), almahook("events", "list", "--reveal")]
    shown += [almahook("events", "show", seq, "--json", "--reveal")]
    assert [said.out for said in shown if "Amaranta" in said.out] == []
    assert b"Amaranta" in almahook("events", "show", seq, "--body").raw


def test_the_body_is_printed_byte_for_byte(almahook, project):
    body = sample("LOAN", title="Gödel, Escher") + b"\r\n \xff\x00"
    seq = project.receive(body=sample("LOAN"))
    with project.inbox._db.write() as connection:
        connection.execute("UPDATE events SET body = ? WHERE seq = ?", (body, seq))
    said = almahook("events", "show", seq, "--body")
    assert (said.raw, said.err, said.status) == (body, "", 0)


def test_an_event_is_shown_with_its_envelope_and_how_it_arrived(almahook, project):
    seq = project.receive(event="LOAN_RETURNED", id="311", loan_id="777")
    said = almahook("events", "show", seq)
    for words in (
        "profile      main",
        "event        LOAN_RETURNED",
        "id           311",
        "institution  01EXAMPLE_INST",
        "about        777",
        "secret       number 1 of profiles.main.secrets",
        "bytes, application/json",
    ):
        assert words in said.out


def test_an_event_is_shown_with_each_attempt_its_log_and_its_last_traceback(almahook, project):
    seq = project.receive()
    project.dispatch("loan")
    first = project.lease("loan")
    project.end(
        first, RunState.WAITING, error="OSError: full", traceback="first", log=["INFO begins"]
    )
    project.inbox._db._writer.execute("UPDATE runs SET due_at = 0")
    project.end(
        project.lease("loan"),
        RunState.PARKED,
        error="OSError: still full",
        traceback='Traceback:\n  File "loan.py", line 3\nOSError: still full\n',
    )
    said = almahook("events", "show", seq)
    assert "loan: parked" in said.out
    assert re.findall(r"attempt (\d), .*: (\w+)", said.out) == [("1", "failed"), ("2", "gave")]
    assert "    OSError: full\n    INFO begins\n" in said.out
    assert '      File "loan.py", line 3\n' in said.out
    assert "first" not in said.out
    history = almahook("events", "show", seq, "--json").json["runs"][0]["history"]
    assert [one["traceback"][:5] for one in history] == ["first", "Trace"]
    assert history[0]["log"] == ["INFO begins"]


def test_a_run_that_waits_says_for_when(almahook, project):
    seq = project.receive()
    project.dispatch("loan")
    project.end(project.lease("loan"), RunState.WAITING, error="later")
    assert "loan: waiting, due 20" in almahook("events", "show", seq).out


@pytest.mark.parametrize(
    ("dispatched", "words"), [(False, "almahook work run?"), (True, "almahook events replay 1")]
)
def test_an_event_without_runs_says_why_and_what_to_do(almahook, project, dispatched, words):
    seq = project.receive()
    if dispatched:
        project.dispatch()
    assert words in " ".join(almahook("events", "show", seq).out.split())


def test_an_event_that_is_not_there_is_a_failure(almahook, project):
    said = almahook("events", "show", 7)
    assert (said.status, said.out) == (1, "")
    assert "There is no event 7" in said.err


def test_a_body_within_json_is_wrong_use(almahook, project):
    assert almahook("events", "show", project.receive(), "--body", "--json").status == 2


def test_what_a_handler_wrote_cannot_steer_the_terminal(almahook, project):
    seq = project.ended(
        RunState.PARKED, error="\x1b[2Jgone", log=["INFO \x1b]0;owned\x07"], traceback="\x1b[31mred"
    )
    assert "\x1b" not in almahook("events", "show", seq).out


def test_a_retry_beyond_the_calendar_can_be_shown(almahook, project):
    seq = project.receive()
    project.dispatch("loan")
    project.inbox._db._writer.execute("UPDATE runs SET due_at = 1e15")
    assert "due 9999" in almahook("events", "show", seq).out
    assert almahook("events", "show", seq, "--json").status == 0


def run(project, *arguments, **environment) -> subprocess.CompletedProcess[bytes]:
    return subprocess.run(
        [*COMMAND, *arguments],
        cwd=project.folder,
        capture_output=True,
        check=False,
        env={"PATH": "", **environment},
        stdin=subprocess.DEVNULL,
    )


def test_piped_output_is_plain_and_fits_eighty_columns(project):
    for action in ("LOAN", "REQUEST", "JOB_END", "NOTIFICATION"):
        project.ended(RunState.SUCCEEDED, action=action, id="7120811384122420557", error="e" * 70)
    project.receive("REQUEST", event="REQUEST_PLACED_ON_SHELF", id="7120811384122420551")
    project.dispatch("loan", "job_end")
    project.refuse(profile="x" * 60)
    for arguments in ("events list", "events show 5", "rejections list", "rejections show 1"):
        done = run(project, *arguments.split(), FORCE_COLOR="1", COLUMNS="200")
        text = done.stdout.decode()
        assert "\x1b" not in text
        assert max(map(len, text.splitlines())) <= 80, text
        assert [line for line in text.splitlines() if line != line.rstrip()] == []


def test_an_encoding_that_lacks_a_character_is_no_failure(project):
    project.receive("USER")
    for encoding in ("latin-1", "ascii"):
        done = run(project, "events", "show", "1", PYTHONIOENCODING=encoding)
        assert (done.returncode, done.stderr) == (0, b"")
        assert b"about        \\u2026" in done.stdout


def test_a_reader_that_closes_early_ends_a_list_without_a_word(project):
    body = sample("LOAN")
    for n in range(400):
        project.receive(body=body, id=str(n))
    with subprocess.Popen(
        [*COMMAND, "events", "list", "--limit", "400", "--json"],
        cwd=project.folder,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    ) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        process.stdout.read(1)
        process.stdout.close()
        assert process.stderr.read() == b""
