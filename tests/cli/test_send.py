import io
import json
import os
import pty
import subprocess
import sys
from collections.abc import Iterator
from itertools import count
from pathlib import Path

import pytest

from almahook.cli import call as calls
from almahook.inbox import EventFilter
from almahook.inbox.sqlite import SQLiteInbox
from almahook.protocol import read_envelope, verify
from running import COMMAND, Asked, Says, Stranger, environment, run, serving

SECRET = "a secret of the library"


@pytest.fixture
def listener() -> Iterator[Stranger]:
    made = Stranger(lambda _: Says('{"status":"stored"}'))
    yield made
    made.close()


@pytest.fixture
def answering() -> Iterator:
    made: list[Stranger] = []

    def make(answer) -> str:
        made.append(Stranger(answer))
        return made[-1].url

    yield make
    for one in made:
        one.close()


@pytest.fixture
def send(almahook, listener, tmp_path, monkeypatch):
    """Send to a listener that takes everything."""
    monkeypatch.chdir(tmp_path)
    return lambda *arguments: almahook("send", *arguments, "--secret", SECRET, "--to", listener.url)


def told(said) -> str:
    return " ".join(said.out.split())


def bodies(listener: Stranger) -> list[bytes]:
    return [asked.body for asked in listener.asked]


def documents(listener: Stranger) -> list[dict]:
    return [json.loads(body) for body in bodies(listener)]


# To the real listener.


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("project")
    (folder / "almahook.toml").write_text(
        'inbox = "sqlite:inbox.db"\n[profiles.main]\nsecrets = ["env:ONE"]\n'
        '[profiles.xml]\nsecrets = ["env:TWO"]\n'
    )
    (folder / ".env").write_text("ONE=the first secret\nTWO=the second secret\n")
    return folder


@pytest.fixture(scope="module")
def address(project: Path) -> Iterator[str]:
    with serving(project) as address:
        yield address


@pytest.fixture
def inbox(project: Path, address: str) -> Iterator[SQLiteInbox]:
    inbox = SQLiteInbox(project / "inbox.db")
    yield inbox
    inbox.close()


def test_the_command_that_the_demonstration_prints_stores_an_event(address, inbox, tmp_path):
    done = run(
        *("send", "LOAN", "--secret", "the first secret"),
        *("--to", f"{address}/webhooks/main"),
        cwd=tmp_path,
    )
    assert done.status == 0, done.out + done.err
    assert done.out.startswith("ok       HTTP 200")
    assert "stored" in done.out
    (event,) = inbox.events(EventFilter(action="LOAN"), limit=10)
    assert event.event_id in done.out


def test_in_the_folder_of_the_settings_neither_address_nor_secret_is_needed(
    address, inbox, project
):
    port = address.rpartition(":")[2]
    done = run("send", "REQUEST", "--xml", cwd=project, env={"ALMAHOOK_PORT": port})
    assert done.status == 0, done.out + done.err
    (event,) = inbox.events(EventFilter(action="REQUEST"), limit=10)
    assert (event.profile, event.content_type) == ("main", "application/xml")


def test_the_secret_is_that_of_the_profile_in_the_url(address, inbox, project):
    done = run("send", "BIB", "--to", f"{address}/webhooks/xml", cwd=project)
    assert done.status == 0, done.out + done.err
    (event,) = inbox.events(EventFilter(action="BIB"), limit=10)
    assert event.profile == "xml"


def test_many_are_stored_and_the_same_message_again_is_kept_once(address, inbox, project):
    many = run("send", "ITEM", "--count", "40", "--to", f"{address}/webhooks/main", cwd=project)
    again = run(
        *("send", "USER", "--count", "5", "--same-id", "--json"),
        *("--to", f"{address}/webhooks/main"),
        cwd=project,
    )
    assert (many.status, again.status) == (0, 0)
    assert "40: HTTP 200: stored" in many.out
    assert len(inbox.events(EventFilter(action="ITEM"), limit=100)) == 40
    answers = json.loads(again.out)["answers"]
    assert [answer["says"] for answer in answers] == ["stored"] * 5
    assert len(inbox.events(EventFilter(action="USER"), limit=100)) == 1


def test_a_bad_signature_is_refused_and_the_status_says_so(address, project):
    done = run("send", "LOAN", "--bad-signature", "--to", f"{address}/webhooks/main", cwd=project)
    assert done.status == 1
    assert "HTTP 401" in done.out
    assert "signature.mismatch" in done.out
    assert "it is lost" in done.out
    assert "the first secret" not in done.out + done.err


# What goes out.


def test_every_event_has_its_own_id_and_is_signed_as_it_is(send, listener):
    said = send("LOAN", "--count", "10")
    assert said.status == 0
    assert len({document["id"] for document in documents(listener)}) == 10
    for asked in listener.asked:
        verify(asked.body, signature=asked.headers["x-exl-signature"], secrets=[SECRET.encode()])
        assert asked.headers["content-type"] == "application/json"


@pytest.mark.parametrize(
    ("arguments", "action", "event"),
    [
        (["LOAN", "--event", "LOAN_LOST"], "LOAN", "LOAN_LOST"),
        (["loan", "--event", "loan_lost"], "LOAN", "LOAN_LOST"),
        (["REQUEST_CLOSED"], "REQUEST", "REQUEST_CLOSED"),
        (["JOB_END"], "JOB_END", ""),
        (["PORTFOLIO", "--event", "PORTFOLIO_MOVED"], "PORTFOLIO", "PORTFOLIO_MOVED"),
    ],
)
def test_an_event_is_told_by_its_action_or_by_its_own_name(
    send, listener, arguments, action, event
):
    assert send(*arguments).status == 0
    envelope = read_envelope(bodies(listener)[0])
    assert (envelope.action, envelope.event) == (action, event)


def test_xml_is_the_same_message_as_xml(send, listener):
    send("BIB_UPDATED", "--xml")
    assert bodies(listener)[0].startswith(b"<?xml")
    assert listener.asked[0].headers["content-type"] == "application/xml"
    assert read_envelope(bodies(listener)[0]).event == "BIB_UPDATED"


def test_an_action_that_alma_is_not_known_to_send_is_sent_with_a_hint(send, listener):
    said = send("LAON")
    assert said.status == 0
    assert "Did you mean LOAN?" in said.err
    assert read_envelope(bodies(listener)[0]).action == "LAON"


def test_the_end_of_a_job_is_one_that_went_well_and_has_a_person_to_tell(send, listener):
    send("JOB_END", "--count", "20")
    jobs = [document["job_instance"] for document in documents(listener)]
    assert {job["submitted_by"]["value"] for job in jobs} == {"amendez"}
    assert {job["status"]["value"] for job in jobs} == {"COMPLETED_SUCCESS"}
    assert all(document["id"] == document["job_instance"]["id"] for document in documents(listener))


@pytest.mark.parametrize(
    ("action", "assignment", "path", "value"),
    [
        ("LOAN", "user_id=bokafor", ["item_loan", "user_id"], "bokafor"),
        ("LOAN", "item_loan.user_id=bokafor", ["item_loan", "user_id"], "bokafor"),
        ("LOAN", "loan_id=17", ["item_loan", "loan_id"], "17"),
        ("LOAN", "library=SCI", ["item_loan", "library", "value"], "SCI"),
        ("LOAN", "renewable=true", ["item_loan", "renewable"], True),
        ("LOAN", "item_loan.new_field=x=y", ["item_loan", "new_field"], "x=y"),
        ("LOAN", "institution=01OTHER", ["institution", "value"], "01OTHER"),
        ("JOB_END", "submitted_by=System", ["job_instance", "submitted_by", "value"], "System"),
        ("JOB_END", "status=FAILED", ["job_instance", "status", "desc"], "Failed"),
        ("JOB_END", "name=Export = all", ["job_instance", "name"], "Export = all"),
        ("JOB_END", "counter.0.value=7", ["job_instance", "counter", 0, "value"], "7"),
        ("PORTFOLIO", "portfolio.id=9", ["portfolio", "id"], 9),
    ],
)
def test_a_value_is_set_by_its_name_or_its_path(send, listener, *, action, assignment, path, value):
    said = send(action, "--set", assignment)
    assert said.status == 0, said.err
    place = documents(listener)[0]
    for step in path:
        place = place[step]
    assert place == value


def test_a_value_that_is_null_is_left_out(send, listener):
    send("LOAN_RETURNED", "--set", "user_id=null", "--set", "library=null")
    assert not {"user_id", "library"} & set(documents(listener)[0]["item_loan"])


@pytest.mark.parametrize(
    ("arguments", "named"),
    [
        ([], "JOB_END, NOTIFICATION, USER, LOAN"),
        (["LOAN", "--set", "circ_dsk=MAIN"], "Did you mean circ_desk?"),
        (["LOAN", "--set", "user_id"], "--set path=value"),
        (["LOAN", "--set", "=amendez"], "--set path=value"),
        (["LOAN", "--set", "item_loan.nowhere.at.all=1"], "does not have"),
        (["LOAN", "--file", "body"], "leave out ACTION"),
        (["--file", "body", "--xml"], "leave out --xml"),
        (["--file", "body", "--set", "a=b"], "leave out --set"),
        (["--file", "nothing"], "nothing cannot be read"),
    ],
)
def test_what_cannot_be_sent_is_named_and_nothing_is_sent(send, listener, arguments, named):
    Path("body").write_bytes(b"{}")
    said = send(*arguments)
    assert said.status == 2
    assert named in said.err
    assert said.out == ""
    assert listener.asked == []


def test_a_file_is_sent_byte_for_byte(send, listener, tmp_path):
    body = b"<webhook>\r\n<id> 1</id>\xff"
    (tmp_path / "body").write_bytes(body)
    assert send("--file", "body").status == 0
    assert bodies(listener) == [body]
    assert listener.asked[0].headers["content-type"] == "application/xml"


def test_the_standard_input_is_sent_byte_for_byte(send, listener, monkeypatch):
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(b'{"a":1}\n')))
    assert send("--file", "-").status == 0
    assert bodies(listener) == [b'{"a":1}\n']


# What comes back.


@pytest.mark.parametrize(
    ("status", "outcome", "named"),
    [
        (200, "delivered", "Alma is content."),
        (204, "delivered", "Alma is content."),
        (302, "lost", "lost"),
        (400, "lost", "give this event up for ever"),
        (401, "lost", "give this event up for ever"),
        (429, "lost", "give this event up for ever"),
        (500, "retried", "after 1, 3 and 6 hours"),
        (503, "retried", "after 1, 3 and 6 hours"),
    ],
)
def test_it_says_what_alma_would_make_of_the_answer(almahook, answering, *, status, outcome, named):
    url = answering(lambda _: Says(status=status))
    arguments = ("send", "LOAN", "--secret", "s", "--to", url)

    said = almahook(*arguments)

    assert said.status == (0 if outcome == "delivered" else 1)
    assert named in told(said)
    assert almahook(*arguments, "--json").json["answers"][0]["outcome"] == outcome


def test_no_answer_in_time_is_one_that_alma_tries_again(almahook, answering, monkeypatch):
    monkeypatch.setattr(calls, "LIMIT_S", 0.3)
    url = answering(lambda _: Says(hangs=True))
    said = almahook("send", "LOAN", "--secret", "s", "--to", url)
    assert said.status == 1
    assert "No answer" in said.out
    assert "after 1, 3 and 6 hours" in told(said)


def test_one_bad_answer_among_many_makes_the_status_one_and_is_counted(almahook, answering):
    number = count(1)

    def answer(_: Asked) -> Says:
        return Says(status=500 if next(number) == 3 else 200)

    url = answering(answer)
    said = almahook("send", "LOAN", "--secret", "s", "--to", url, "--count", "5")
    assert said.status == 1
    assert "4: HTTP 200" in said.out
    assert "1: HTTP 500" in said.out


def test_without_a_known_port_it_asks_for_the_address(almahook, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("ALMAHOOK_PORT", "0")
    said = almahook("send", "LOAN", "--secret", "s")
    assert said.status == 2
    assert "port = 0" in said.err


def test_among_several_profiles_it_asks_which(almahook, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    Path("almahook.toml").write_text("[profiles.a]\n[profiles.b]\n")
    said = almahook("send", "LOAN")
    assert said.status == 2
    assert "--profile NAME" in said.err
    assert "a, b" in said.err


def test_a_profile_that_is_none_is_named_with_those_there_are(almahook, project, monkeypatch):
    monkeypatch.chdir(project)
    said = almahook("send", "LOAN", "--profile", "mian")
    assert said.status == 2
    assert "main, xml" in said.err


def test_with_address_and_secret_given_no_settings_file_is_read(send):
    Path("almahook.toml").write_text("this is no TOML")
    assert send("LOAN").status == 0


def test_many_on_a_terminal_show_how_far_they_are_and_leave_nothing_behind(tmp_path, listener):
    outer, inner = pty.openpty()
    process = subprocess.Popen(
        [*COMMAND, "send", "LOAN", "--count", "30", "--secret", "s", "--to", listener.url],
        cwd=tmp_path,
        env=environment(TERM="xterm", COLUMNS="80"),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=inner,
    )
    os.close(inner)
    shown = b""
    try:
        while piece := os.read(outer, 4096):
            shown += piece
    except OSError:
        # So Linux says that the other end of a terminal is closed.
        pass
    out, _ = process.communicate()
    os.close(outer)
    assert process.returncode == 0
    assert b"30/30" in shown
    assert b"\x1b" not in out
    assert b"30 sent" in out


def test_the_progress_is_not_shown_to_a_program(tmp_path, listener):
    done = run(
        *("send", "LOAN", "--count", "30", "--secret", "s", "--to", listener.url), cwd=tmp_path
    )
    assert done.err == ""
    assert max(map(len, done.out.splitlines())) <= 80


def test_the_secret_is_nowhere_in_what_is_said(send, answering, almahook):
    url = answering(lambda _: Says(status=401))
    said = almahook("send", "LOAN", "--secret", SECRET, "--to", url)
    assert SECRET not in said.out + said.err
