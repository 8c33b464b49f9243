import threading

import pytest

from almahook.inbox import EventFilter, RunState
from asking import answered
from operating import DAY, HOUR, Project


def left(project: Project) -> list[int]:
    return [event.seq for event in project.inbox.events(EventFilter(), limit=2000, after=0)]


@pytest.fixture
def old_and_new(project) -> tuple[int, int]:
    """Store a finished event of 40 days ago, and one of now; refuse a request of each time."""
    project.refuse(ago=40 * DAY)
    project.refuse()
    return (
        project.ended(RunState.SUCCEEDED, ago=40 * DAY),
        project.ended(RunState.SUCCEEDED),
    )


def test_what_is_older_than_the_retention_is_deleted_and_counted(almahook, project, old_and_new):
    said = almahook("purge", "--yes")
    assert said.status == 0
    assert said.out.startswith("Deleted what was received before 20")
    assert said.out.endswith(": 1 event, 1 refused request\n")
    assert left(project) == [old_and_new[1]]
    assert [one.id for one in project.inbox.rejections(limit=9)] == [2]


def test_a_time_may_be_given_instead(almahook, project, old_and_new):
    assert almahook("purge", "--before", "50d", "--yes", "--json").json["events"] == 0
    assert almahook("purge", "--before", "0s", "--yes", "--json").json["events"] == 2
    assert left(project) == []


def test_json_has_the_time_and_the_numbers(almahook, project, old_and_new):
    said = almahook("purge", "--before", "2001-01-01T00:00Z", "--yes", "--json")
    assert said.json == {
        "before": "2001-01-01T00:00:00.000Z",
        "dry_run": False,
        "events": 0,
        "rejections": 0,
    }


def test_what_is_not_finished_is_kept_however_old_it_is(almahook, project):
    waiting = project.ended(RunState.WAITING, ago=90 * DAY)
    running = project.receive(ago=90 * DAY)
    project.dispatch("loan")
    project.lease("loan")
    unhandled = project.receive("BIB", ago=90 * DAY)
    project.dispatch()
    pending = project.receive(ago=90 * DAY)
    assert almahook("purge", "--dry-run", "--json").json["events"] == 1
    assert almahook("purge", "--yes", "--json").json["events"] == 1
    assert set(left(project)) == {waiting, running, pending}
    assert unhandled not in left(project)


def test_a_dry_run_counts_the_same_and_deletes_nothing(almahook, project, old_and_new):
    dry = almahook("purge", "--dry-run")
    assert dry.out.startswith("Would delete")
    assert len(left(project)) == 2
    assert dry.out.partition(": ")[2] == almahook("purge", "--yes").out.partition(": ")[2]


def test_many_are_deleted_in_batches_while_the_listener_receives(almahook, project):
    for n in range(1200):
        project.receive(ago=40 * DAY, id=f"old {n}")
    project.dispatch()
    receiving = threading.Thread(target=lambda: [project.receive() for _ in range(20)])
    receiving.start()
    assert almahook("purge", "--yes", "--json").json["events"] == 1200
    receiving.join()
    assert len(left(project)) == 20


def test_without_a_terminal_a_purge_needs_a_yes(almahook, project, old_and_new):
    said = almahook("purge")
    assert (said.status, said.out) == (2, "")
    assert "--yes" in said.err
    assert len(left(project)) == 2


@pytest.mark.parametrize(("answer", "status", "count"), [(b"yes\n", 0, 1), (b"no\n", 1, 2)])
def test_on_a_terminal_a_purge_says_how_much_before_it_deletes(
    project, old_and_new, answer, status, count
):
    ended, said = answered(project.folder, "purge", answer=answer)
    assert "Delete for ever: 1 event, 1 refused request?" in said
    assert (ended, len(left(project))) == (status, count)


def test_where_everything_is_kept_a_time_must_be_given(almahook, project, old_and_new):
    project.write("almahook.toml", f'retention_days = 0\ninbox = "{project.url}"\n')
    said = almahook("purge", "--yes")
    assert (said.status, len(left(project))) == (2, 2)
    assert "--before" in said.err


def test_a_time_that_is_still_to_come_is_a_slip(almahook, project, old_and_new):
    said = almahook("purge", "--before", "2999-01-01", "--yes")
    assert (said.status, len(left(project))) == (2, 2)
    assert "still to come" in said.err


def test_a_shorter_time_than_an_hour_is_exact(almahook, project):
    old, new = project.ended(RunState.SKIPPED, ago=2 * HOUR), project.ended(RunState.SKIPPED)
    almahook("purge", "--before", "90m", "--yes")
    assert old not in left(project)
    assert new in left(project)
