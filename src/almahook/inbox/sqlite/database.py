"""The connections to one SQLite file: how they are opened, shared, and what their errors mean."""

import sqlite3
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Protocol

from almahook.errors import InboxUnavailableError, SchemaError
from almahook.inbox.sqlite.id_filter import filter_bits
from almahook.inbox.sqlite.recent import id_term, subject_term
from almahook.inbox.sqlite.sql import load_migrations, statements

# Alma hangs up after 5 seconds, and an event may have to wait for the batch before it: who waits
# for a locked database must still be answered 503 in time.
BUSY_TIMEOUT_S = 2.0
# A shorter wait for this process's own threads leaves SQLite its whole time-out.
_SHORT_WAIT_S = 0.1

_WRITER = (
    # A reader never blocks the writer, nor the writer a reader. https://www.sqlite.org/wal.html
    "PRAGMA journal_mode = WAL",
    # In WAL mode only FULL syncs at every commit. https://www.sqlite.org/pragma.html#pragma_synchronous
    "PRAGMA synchronous = FULL",
    # What a purge deletes is patron data, so it is overwritten and not only unlinked.
    "PRAGMA secure_delete = ON",
    "PRAGMA temp_store = MEMORY",
    "PRAGMA cache_size = -32000",
    # Short checkpoints: while a long one is synced, the disk has no time for what is received. The
    # log is about 4 MB between them.
    "PRAGMA wal_autocheckpoint = 500",
    "PRAGMA journal_size_limit = 67108864",
)

# How long to wait before asking again where SQLite itself does not wait.
_ASK_AGAIN_S = 0.01

# These say that a statement is wrong, not that the store is out of order.
_MISTAKES = (sqlite3.IntegrityError, sqlite3.DataError, sqlite3.NotSupportedError)

# Fewer pages per event than the default 4096; only a new file takes it.
_PAGE_SIZE = "PRAGMA page_size = 8192"


class Memory(Protocol):
    """What is kept in memory of a database, and has to be as true as that is."""

    def begin(self) -> None:
        """Hear that a transaction has begun; one that was begun before has failed."""

    def committed(self) -> None:
        """Hear that it is committed."""


class Database:
    """One SQLite file: one connection that writes, one that reads, each used by one thread a time.

    Raises:
        InboxUnavailableError: The file cannot be opened.
        SchemaError: The file was written by a newer release, or is not an inbox.
    """

    def __init__(self, path: Path, *, busy_timeout_s: float = BUSY_TIMEOUT_S) -> None:
        self.path = path
        self._busy_timeout_s = busy_timeout_s
        self._synchronous = "FULL"
        self._write_lock = threading.Lock()
        self._read_lock = threading.Lock()
        with _typed_errors(path):
            path.parent.mkdir(parents=True, exist_ok=True)
            # Only the owner may read patron data.
            path.touch(mode=0o600, exist_ok=True)
            self._writer = self._open(_PAGE_SIZE, *_WRITER)
            with _closed_on_error(self._writer):
                self._migrate()
                self._reader = self._open("PRAGMA query_only = ON")

    def _open(self, *pragmas: str) -> sqlite3.Connection:
        connection = sqlite3.connect(
            self.path,
            timeout=self._busy_timeout_s,
            # Transactions are begun and ended here and nowhere else.
            isolation_level=None,
            check_same_thread=False,
            cached_statements=256,
        )
        connection.row_factory = sqlite3.Row
        with _closed_on_error(connection):
            for pragma in pragmas:
                self._execute_when_free(connection, pragma)
        return connection

    def _execute_when_free(self, connection: sqlite3.Connection, statement: str) -> None:
        """Wait for others also where SQLite itself does not.

        Of two processes that change a new file's journal mode one is told at once that it is busy.
        https://www.sqlite.org/c3ref/busy_handler.html
        """
        until = time.monotonic() + self._busy_timeout_s
        while True:
            try:
                connection.execute(statement).fetchall()
            except sqlite3.OperationalError as error:
                if not _is_busy(error) or time.monotonic() >= until:
                    raise
                time.sleep(_ASK_AGAIN_S)
            else:
                return

    @contextmanager
    def write(
        self, *, durable: bool = True, memory: Memory | None = None
    ) -> Iterator[sqlite3.Connection]:
        """Run a block as one transaction, on disk when the block is left.

        What is not durable survives the death of the process but perhaps not that of the machine;
        then it is as if it had never been, and so is everything after it. The next durable
        transaction syncs it too. https://www.sqlite.org/pragma.html#pragma_synchronous

        It waits for other threads and for other processes, but for all of them together no longer
        than the time-out.

        Args:
            durable: See above.
            memory: What is in memory of the database; told before another thread can begin.
        """
        started = time.monotonic()
        if not self._write_lock.acquire(timeout=self._busy_timeout_s):
            raise InboxUnavailableError(f"{self.path} is busy. Is the file locked?")
        try:
            with _typed_errors(self.path):
                self._set_synchronous("FULL" if durable else "NORMAL")
                self._begin(time.monotonic() - started)
                try:
                    if memory is not None:
                        memory.begin()
                    yield self._writer
                    self._writer.execute("COMMIT")
                except BaseException:
                    self._rollback()
                    raise
                if memory is not None:
                    memory.committed()
        finally:
            self._write_lock.release()

    def _begin(self, waited_s: float) -> None:
        if waited_s < _SHORT_WAIT_S:
            self._begin_at_once()
            return
        self._set_busy_timeout(max(0.0, self._busy_timeout_s - waited_s))
        try:
            self._begin_at_once()
        finally:
            self._set_busy_timeout(self._busy_timeout_s)

    def _begin_at_once(self) -> None:
        # The lock is asked for at once: a transaction that upgrades later can fail as busy
        # without waiting. https://www.sqlite.org/lang_transaction.html
        self._writer.execute("BEGIN IMMEDIATE")

    def _set_synchronous(self, level: str) -> None:
        if level != self._synchronous:
            self._writer.execute(f"PRAGMA synchronous = {level}").fetchall()
            self._synchronous = level

    def _set_busy_timeout(self, seconds: float) -> None:
        self._writer.execute(f"PRAGMA busy_timeout = {int(seconds * 1000)}").fetchall()

    @contextmanager
    def read(self) -> Iterator[sqlite3.Connection]:
        """Run a block of queries."""
        with self._read_lock, _typed_errors(self.path):
            yield self._reader

    def version(self) -> int:
        """A number that changes when any other connection has committed."""
        with self.read() as connection:
            number: int = connection.execute("PRAGMA data_version").fetchone()[0]
            return number

    def close(self) -> None:
        """Close both connections; the last process to do so folds the log into the file."""
        with self._read_lock:
            self._reader.close()
        with self._write_lock:
            self._writer.close()

    def _rollback(self) -> None:
        # A full disk or an I/O error has ended the transaction already.
        if self._writer.in_transaction:
            self._writer.execute("ROLLBACK")

    def _migrate(self) -> None:
        migrations = load_migrations()
        newest = max(migrations)
        if self._schema() == newest:
            return
        with self.write() as connection:
            connection.create_function("id_term", 1, id_term, deterministic=True)
            connection.create_function("subject_term", 1, subject_term, deterministic=True)
            connection.create_function("filter_bits", 1, filter_bits, deterministic=True)
            present = self._schema()
            if present > newest:
                raise SchemaError(
                    f"{self.path} was written by a newer release of almahook (schema {present}, "
                    f"this one knows {newest}). Install that release, or use another database."
                )
            for number in range(present + 1, newest + 1):
                for statement in statements(migrations[number]):
                    connection.execute(statement)
            connection.execute(f"PRAGMA user_version = {newest}")

    def _schema(self) -> int:
        number: int = self._writer.execute("PRAGMA user_version").fetchone()[0]
        return number


def _is_busy(error: sqlite3.OperationalError) -> bool:
    # The upper bits say more. https://www.sqlite.org/rescode.html#extrc
    return error.sqlite_errorcode & 0xFF == sqlite3.SQLITE_BUSY


@contextmanager
def _closed_on_error(connection: sqlite3.Connection) -> Iterator[None]:
    try:
        yield
    except BaseException:
        connection.close()
        raise


@contextmanager
def _typed_errors(path: Path) -> Iterator[None]:
    try:
        yield
    except sqlite3.ProgrammingError as error:
        raise InboxUnavailableError(f"{path} is closed.") from error
    except sqlite3.DatabaseError as error:
        if isinstance(error, _MISTAKES):
            raise
        raise InboxUnavailableError(
            f"{path} cannot be used now: {error}. Is the disk full, or the file locked or damaged?"
        ) from error
    except OSError as error:
        raise InboxUnavailableError(f"{path} cannot be opened: {error.strerror}.") from error
