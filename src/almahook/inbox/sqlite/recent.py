"""The events that were stored last, in memory, by what they are found by."""

import json
from bisect import bisect_right
from collections.abc import Iterable, Iterator, Mapping, Sequence
from sqlite3 import Connection
from zlib import crc32

from almahook.inbox.sqlite.sql import load_queries

_Q = load_queries()

Term = tuple[int, int]
"""A number for a text, and the event that has the text."""

Texts = tuple[int, str, str]
"""An event, its id and its subject."""

Key = tuple[str, ...]
"""What an inbox has once: a profile, an action, an event of its, and an id."""


def id_term(event_id: str) -> int:
    """Return the term of an id.

    It is negative, so that ids lie together: only they are looked up for each event that comes.
    """
    return _term(event_id) - 2**31


def subject_term(subject: str) -> int:
    """Return the term of a subject; it is not negative."""
    return _term(subject)


def _term(text: str) -> int:
    # With its sign it is what SQLite stores in four bytes.
    return crc32(text.encode("utf-8")) >> 1


class Recent:
    """The events whose terms are not in the table yet; one thread at a time uses it.

    What is in it is committed, so that a transaction that fails leaves nothing wrong behind.
    """

    def __init__(self) -> None:
        self.newest = 0
        self._seqs: dict[Key, int] = {}
        self._texts: list[Texts] = []
        self._sorted: tuple[tuple[int, int], Sequence[Term]] = ((0, 0), ())

    def read_on(self, connection: Connection) -> None:
        """Read what others have stored; nothing may have been changed in this transaction."""
        gone, found = connection.execute(_Q["recent"], {"newest": self.newest}).fetchone()
        self.let_go(gone)
        events = json.loads(found)
        seqs: dict[Key, int] = {tuple(key): seq for seq, _, *key in events}
        self.note(seqs, [(seq, key[-1], subject) for seq, subject, *key in events])

    def note(self, seqs: Mapping[Key, int], texts: Sequence[Texts]) -> None:
        """Add events that are committed, and newer than all that are here."""
        if texts:
            self._seqs.update(seqs)
            self._texts += texts
            self.newest = texts[-1][0]

    def having(self, keys: Sequence[Key]) -> list[tuple[int, int]]:
        """Return places in ``keys``, each with the number of the event that has that key."""
        seqs = self._seqs
        return [(place, seqs[key]) for place, key in enumerate(keys) if key in seqs]

    def let_go(self, gone: int) -> None:
        """Forget the events whose terms are in the table: those up to one."""
        if self._texts and self._texts[0][0] <= gone:
            self._sorted = ((0, 0), ())
            self._texts = [texts for texts in self._texts if texts[0] > gone]
            self._seqs = {key: seq for key, seq in self._seqs.items() if seq > gone}

    def terms(self, gone: int, going: int, *, after: Term, size: int) -> Sequence[Term]:
        """Return so many terms of the events behind one and up to one, the next after a term."""
        known, ordered = self._sorted
        if known != (gone, going):
            ordered = sorted(terms_of(texts for texts in self._texts if gone < texts[0] <= going))
            self._sorted = (gone, going), ordered
        start = bisect_right(ordered, after)
        return ordered[start : start + size]


def terms_of(texts: Iterable[Texts]) -> Iterator[Term]:
    """Return what events are found by: an id each, and a subject if there is one."""
    for seq, event_id, subject in texts:
        yield id_term(event_id), seq
        if subject:
            yield subject_term(subject), seq
