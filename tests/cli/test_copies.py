import sqlite3
from contextlib import closing

from almahook.inbox import EventFilter
from almahook.inbox.sqlite import SQLiteInbox
from almahook.testing.inbox_contract.given import new_event, spool


def test_a_copy_of_the_database_that_is_made_after_a_list_is_whole(almahook, project, tmp_path):
    events = [new_event(str(number), body=b"body of %d" % number) for number in range(150)]
    spool(project.inbox, events)
    almahook("events", "list", "--limit", 1)
    copy = tmp_path / "copy.db"
    with closing(sqlite3.connect(project.folder / "inbox.db")) as connection:
        connection.execute("VACUUM INTO ?", [str(copy)])
    with closing(SQLiteInbox(copy)) as inbox:
        found = inbox.events(EventFilter(), limit=1000, after=0)
    assert [event.body for event in found] == [event.body for event in events]
