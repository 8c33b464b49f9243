import re
import signal
import subprocess
import sys
from contextlib import contextmanager

import httpx2
import pytest

from almahook.inbox import RunState
from almahook.testing import sample, signed_headers
from asking import answered
from operating import SECRET, Project

COMMAND = [sys.executable, "-c", "from almahook.cli import main; main()"]
WAIT_S = 30


def parked(project: Project, **more) -> int:
    return project.ended(RunState.PARKED, action="JOB_END", handler="job_end", **more)


def test_a_parked_event_is_run_again_under_a_higher_number(almahook, project):
    seq = parked(project)
    said = almahook("events", "replay", seq)
    assert (said.status, said.err) == (0, "")
    assert said.out == (
        "Replayed 1 event: job_end 1\n"
        "Their runs wait in the inbox now: almahook serve or almahook work runs them.\n"
    )
    assert project.states(seq) == [("job_end", 1, "parked"), ("job_end", 2, "waiting")]


def test_of_an_event_with_something_unfinished_only_that_is_run_again(almahook, project):
    seq = project.receive("LOAN")
    project.dispatch("loan", "job_end")
    project.end(project.lease("loan"), RunState.SUCCEEDED)
    project.end(project.lease("job_end"), RunState.PARKED)
    assert almahook("events", "replay", seq).status == 0
    assert project.states(seq)[2:] == [("job_end", 2, "waiting")]


def test_what_waits_for_its_next_attempt_is_run_at_once(almahook, project):
    seq = project.ended(RunState.WAITING)
    assert project.lease("loan") == []
    almahook("events", "replay", seq)
    assert project.states(seq) == [("loan", 1, "cancelled"), ("loan", 2, "waiting")]
    assert len(project.lease("loan")) == 1


def test_of_an_event_that_is_finished_every_handler_that_takes_it_is_run_again(almahook, project):
    seq = project.ended(RunState.SUCCEEDED)
    almahook("events", "replay", seq)
    assert project.states(seq) == [("loan", 1, "succeeded"), ("loan", 2, "waiting")]


def test_an_unhandled_event_is_run_by_the_handler_that_was_written_since(almahook, project):
    seq = project.receive("BIB")
    project.dispatch()
    assert almahook("events", "replay", seq).status == 1
    project.write("handlers/bib.py", "def process(event):\n    pass\n")
    assert almahook("events", "replay", seq).status == 0
    assert project.states(seq) == [("bib", 1, "waiting")]


def test_a_named_handler_is_run_whatever_its_filters_say(almahook, project):
    seq = parked(project)
    almahook("events", "replay", seq, "--handler", "loan")
    assert project.states(seq) == [("job_end", 1, "parked"), ("loan", 1, "waiting")]


@pytest.mark.parametrize(
    ("option", "state", "kept"),
    [
        ([], RunState.PARKED, True),
        ([], RunState.SUCCEEDED, False),
        (["--fresh"], RunState.PARKED, False),
        (["--keep-steps"], RunState.SUCCEEDED, True),
    ],
)
def test_finished_steps_are_kept_unless_the_run_succeeded_or_it_is_said(
    almahook, project, option, state, kept
):
    seq = project.receive()
    project.dispatch("loan")
    (lease,) = project.lease("loan")
    project.inbox.save_step(lease, "text", b"1")
    project.end([lease], state)
    almahook("events", "replay", seq, *option)
    (again,) = project.lease("loan")
    assert (project.inbox.load_step(again, "text") is not None) is kept


def test_several_numbers_are_replayed_each_once_and_never_asked_about(almahook, project):
    first, second = parked(project), parked(project)
    said = almahook("events", "replay", first, second, first)
    assert "Replayed 2 events" in said.out
    assert len(project.inbox.runs([first, second])) == 4


def test_what_cannot_be_replayed_is_named_and_the_rest_is_replayed(almahook, project):
    seq = parked(project)
    said = almahook("events", "replay", 99, seq)
    assert said.status == 1
    assert "Replayed 1 event" in said.out
    assert "Not replayed: 99. There is no event 99" in said.err


def test_json_has_the_new_runs_and_what_was_not_replayed(almahook, project):
    seq = parked(project)
    said = almahook("events", "replay", seq, 99, "--json")
    assert said.status == 1
    assert list(said.json) == ["replayed", "not_replayed"]
    ((number, (run,)),) = (one.values() for one in said.json["replayed"])
    assert (number, run["handler"], run["number"], run["state"]) == (seq, "job_end", 2, "waiting")
    assert said.json["not_replayed"] == [
        {
            "number": 99,
            "code": "inbox.not_found",
            "reason": "There is no event 99 in the inbox.",
        }
    ]


def test_all_parked_events_are_replayed_oldest_first_with_only_what_is_parked(almahook, project):
    seqs = [parked(project) for _ in range(3)]
    project.ended(RunState.SUCCEEDED)
    both = project.receive("LOAN")
    project.dispatch("loan", "job_end")
    project.end(project.lease("loan"), RunState.WAITING)
    project.end(project.lease("job_end"), RunState.PARKED)
    said = almahook("events", "replay", "--state", "parked", "--yes", "--json")
    assert said.status == 0
    assert [one["number"] for one in said.json["replayed"]] == [*seqs, both]
    assert [len(one["runs"]) for one in said.json["replayed"]] == [1, 1, 1, 1]
    assert [lease.event.seq for lease in project.lease("job_end")] == [*seqs, both]


def test_what_was_replayed_is_not_parked_any_more(almahook, project):
    parked(project)
    almahook("events", "replay", "--state", "parked", "--yes")
    said = almahook("events", "replay", "--state", "parked", "--yes")
    assert (said.status, said.out, said.err) == (0, "", "There is nothing to replay.\n")


def test_more_parked_events_than_a_page_are_replayed(almahook, project):
    body = sample("JOB_END")
    for n in range(230):
        project.receive(body=body, id=str(n))
    project.dispatch("job_end")
    project.end(project.lease("job_end"), RunState.PARKED)
    said = almahook("events", "replay", "--state", "parked", "--yes")
    assert "Replayed 230 events: job_end 230" in said.out


def test_parked_events_are_chosen_by_options_and_handler(almahook, project):
    wanted = parked(project, id="311")
    parked(project, id="312")
    project.ended(RunState.PARKED, id="311")
    many = ["events", "replay", "--state", "parked", "--yes", "--json"]
    said = almahook(*many, "--id", "311", "--handler", "job_end")
    assert [one["number"] for one in said.json["replayed"]] == [wanted]
    assert len(almahook(*many, "--action", "loan").json["replayed"]) == 1


def test_all_unhandled_events_that_somebody_takes_now_are_replayed(almahook, project):
    taken, left = project.receive("LOAN"), project.receive("BIB")
    project.dispatch()
    said = almahook("events", "replay", "--state", "unhandled", "--yes")
    assert said.status == 0
    assert project.states(taken) == [("loan", 1, "waiting")]
    assert project.states(left) == []


def test_a_parked_run_whose_handler_is_gone_is_named_and_stays(almahook, project):
    gone, there = project.ended(RunState.PARKED, handler="old"), parked(project)
    said = almahook("events", "replay", "--state", "parked", "--yes")
    assert said.status == 1
    assert f"Not replayed: {gone}. No handler is called old any more" in said.err
    assert project.states(gone) == [("old", 1, "parked")]
    assert project.states(there)[-1] == ("job_end", 2, "waiting")


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ([], "Say which events"),
        (["1", "--state", "parked"], "Say which events"),
        (["1", "--action", "LOAN"], "--action"),
        (["1", "--handler", "lon"], "There are: job_end, loan"),
        (["--state", "succeeded"], "--state"),
        (["one"], "NUMBER"),
    ],
)
def test_wrong_use_changes_nothing_and_says_what_is_right(almahook, project, arguments, words):
    seq = parked(project)
    said = almahook("events", "replay", *arguments)
    assert (said.status, said.out) == (2, "")
    assert words in said.err
    assert len(project.inbox.runs([seq])) == 1


@pytest.mark.parametrize("there_is_one", [True, False])
def test_without_a_terminal_many_are_replayed_with_yes_only(almahook, project, there_is_one):
    seqs = [parked(project)] if there_is_one else []
    said = almahook("events", "replay", "--state", "parked")
    assert (said.status, said.out) == (2, "")
    assert "--yes" in said.err
    assert len(project.inbox.runs(seqs)) == len(seqs)


@pytest.mark.parametrize(
    ("answer", "status", "runs"), [(b"y\n", 0, 4), (b"n\n", 1, 2), (b"\n", 1, 2), (b"\x03", 130, 2)]
)
def test_on_a_terminal_many_are_replayed_only_after_a_yes(project, answer, status, runs):
    seqs = [parked(project), parked(project)]
    ended, said = answered(project.folder, "events", "replay", "--state", "parked", answer=answer)
    assert "Replay 2 parked events?" in said
    assert ended == status, said
    assert len(project.inbox.runs(seqs)) == runs


def test_a_handler_that_cannot_be_loaded_is_named_and_nothing_is_replayed(almahook, project):
    seq = parked(project)
    project.write("handlers/job_end.py", "import nothing_of_the_kind\n")
    said = almahook("events", "replay", seq)
    assert (said.status, said.out) == (2, "")
    assert "job_end.py" in said.err
    assert len(project.inbox.runs([seq])) == 1


def test_an_inbox_that_breaks_ends_a_replay_and_says_how_far_it_came(almahook, project):
    seqs = [project.ended(RunState.SUCCEEDED), parked(project), parked(project)]
    with project.inbox._db.write() as connection:
        connection.execute("DROP TABLE steps")
    said = almahook("events", "replay", *seqs)
    assert (said.status, said.out) == (1, "")
    assert "Stopped. Replayed so far: 1 event." in said.err
    assert "inbox.db cannot be used now" in said.err
    assert [len(project.states(seq)) for seq in seqs] == [2, 1, 1]


@contextmanager
def serving(project: Project):
    """Run the listener with its worker; say where it is."""
    with subprocess.Popen(
        [*COMMAND, "serve"],
        cwd=project.folder,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    ) as process:
        try:
            assert process.stdout is not None
            for line in process.stdout:
                if found := re.search(r"http://[\d.]+:\d+", line):
                    yield found[0]
                    break
        finally:
            process.send_signal(signal.SIGTERM)
            process.wait(WAIT_S)


def wait_for(almahook, state: str) -> list[int]:
    for _ in range(1000):
        found = almahook("events", "list", "--state", state, "--json").json["events"]
        if found:
            return [event["number"] for event in found]
    pytest.fail(f"Nothing became {state}")


def test_an_event_that_parks_is_found_replayed_and_succeeds_while_the_listener_runs(
    almahook, project
):
    body = sample("JOB_END")
    with serving(project) as address:
        headers = signed_headers(body, secret=SECRET)
        url = f"{address}/webhooks/main"
        assert httpx2.post(url, content=body, headers=headers).status_code == 200
        (seq,) = wait_for(almahook, "parked")
        assert "the export is not there" in almahook("events", "show", seq).out
        project.write("mended", "")
        assert almahook("events", "replay", seq).status == 0
        assert wait_for(almahook, "succeeded") == [seq]
    assert project.states(seq) == [("job_end", 1, "parked"), ("job_end", 2, "succeeded")]
