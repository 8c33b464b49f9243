import sqlite3
from contextlib import closing

import pytest

from almahook.inbox.sqlite import database
from almahook.inbox.sqlite.sql import load_migrations

NEWEST = max(load_migrations())
TOML = 'inbox = "sqlite:data/inbox.db"\n'


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "almahook.toml").write_text(TOML, "utf-8")
    return tmp_path


def test_a_database_that_is_not_there_is_made(almahook, folder):
    said = almahook("migrate")
    assert (said.status, said.err) == (0, "")
    assert said.out == f"sqlite:data/inbox.db was made, with schema {NEWEST}.\n"
    assert almahook("events", "list").status == 0


def test_where_nothing_is_to_do_that_is_said(almahook, folder):
    almahook("migrate")
    assert "there was nothing to do" in almahook("migrate").out
    assert almahook("migrate", "--json").json == {
        "inbox": "sqlite:data/inbox.db",
        "from": NEWEST,
        "to": NEWEST,
    }


def test_an_older_database_is_brought_to_this_release_with_what_is_in_it(
    almahook, project, monkeypatch
):
    seq = project.receive()
    project.inbox.close()
    next_release = {**load_migrations(), NEWEST + 1: "CREATE TABLE more (x);\n"}
    monkeypatch.setattr(database, "load_migrations", lambda: next_release)
    said = almahook("migrate")
    assert said.out == f"sqlite:inbox.db was brought from schema {NEWEST} to {NEWEST + 1}.\n"
    assert almahook("events", "show", seq).status == 0


def test_the_database_of_a_newer_release_is_left_alone(almahook, folder):
    almahook("migrate")
    with closing(sqlite3.connect(folder / "data" / "inbox.db")) as connection:
        connection.execute("PRAGMA user_version = 999")
    said = almahook("migrate")
    assert (said.status, said.out) == (1, "")
    assert "newer release" in said.err
    assert "999" in said.err


@pytest.mark.parametrize("content", [b"no database" * 1000, b"\x00" * 8192])
def test_what_is_no_database_is_a_failure_without_a_traceback(almahook, folder, content):
    file = folder / "data" / "inbox.db"
    file.parent.mkdir()
    file.write_bytes(content)
    said = almahook("migrate")
    assert (said.status, said.out) == (1, "")
    assert "inbox.db" in said.err
    assert "Traceback" not in said.err
    assert file.read_bytes() == content


def test_a_url_of_no_store_is_wrong_use(almahook, folder):
    (folder / "almahook.toml").write_text('inbox = "mysql://x"\n', "utf-8")
    said = almahook("migrate")
    assert (said.status, said.out) == (2, "")
    assert "sqlite:" in said.err
