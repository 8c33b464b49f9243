"""Signed requests as Alma sends them, written to a file before anything is measured.

All requests of a file have one length, so that the load generator takes the next one by counting
bytes. Ids are random as Alma's are: a store that was only quick with rising ids would be slow here.
"""

import hmac
import json
import random
import string
from base64 import b64encode
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

SECRET = b"correct horse battery staple"
OTHER_SECRET = b"somebody else's secret"
PATH = "/webhooks/main"
BODY_BYTES = 2048
ID_DIGITS = 19

# A repetition comes within so many requests of the first.
_REPEATED_WITHIN = 10_000
_WORDS_LENGTH = 1 << 20

Sign = Callable[[bytes, bytes], str]


@dataclass(frozen=True)
class Requests:
    """A file of requests.

    Attributes:
        length: Bytes of each.
        count: How many there are.
    """

    path: Path
    length: int
    count: int

    def read(self, number: int) -> bytes:
        """Return one request."""
        with self.path.open("rb") as file:
            file.seek(number * self.length)
            return file.read(self.length)


class Bodies:
    """Makes messages about bibliographic records, each with an id and a text of its own."""

    def __init__(self, size: int = BODY_BYTES, seed: int | None = None) -> None:
        self._chance = random.Random(seed)
        self._words = _words(self._chance)
        self._parts = _template()
        self._fill = size - sum(map(len, self._parts)) - ID_DIGITS - 2 * _MMS_DIGITS
        if self._fill < 1:
            raise ValueError(f"a body has at least {size - self._fill + 1} bytes")

    def next(self) -> tuple[str, bytes]:
        """Return an id and the message that has it."""
        event_id = str(self._chance.randrange(10 ** (ID_DIGITS - 1), 9 * 10 ** (ID_DIGITS - 1)))
        mms_id = f"99{self._chance.randrange(10**13):013d}1032"
        at = self._chance.randrange(len(self._words) - self._fill)
        text = self._words[at : at + self._fill]
        before, between, again, after, end = self._parts
        body = f"{before}{event_id}{between}{mms_id}{again}{mms_id}{after}{text}{end}"
        return event_id, body.encode("ascii")


_MMS_DIGITS = 19


def _words(chance: random.Random) -> str:
    """Make a text that is as hard to compress as names and titles are, roughly."""
    known = ["".join(chance.choices(string.ascii_lowercase, k=length)) for length in range(2, 12)]
    known += [
        "".join(chance.choices(string.ascii_letters, k=length % 9 + 3)) for length in range(4000)
    ]
    return " ".join(chance.choices(known, k=_WORDS_LENGTH // 7))


def _template() -> tuple[str, str, str, str, str]:
    record = (
        '<?xml version="1.0" encoding="UTF-16"?><record><leader>00420nam  22001453u 4500</leader>'
        '<controlfield tag="001">MMS</controlfield>'
        '<controlfield tag="005">20260126112108.0</controlfield>'
        '<datafield ind1="1" ind2=" " tag="100"><subfield code="a">Okafor, Bisi,</subfield>'
        '</datafield><datafield ind1="1" ind2="0" tag="245"><subfield code="a">TEXT</subfield>'
        "</datafield></record>"
    )
    message = {
        "id": "ID",
        "action": "BIB",
        "event": {"value": "BIB_UPDATED", "desc": "BIB record updated"},
        "institution": {"value": "01EXAMPLE_INST", "desc": "Example University"},
        "time": "2026-11-05T16:21:16.109Z",
        "bib": {
            "mms_id": "MMS",
            "record_format": "marc21",
            "linked_record_id": {"value": ""},
            "author": "Okafor, Bisi,",
            "place_of_publication": "Springfield :",
            "date_of_publication": "[2002]",
            "created_by": "System",
            "created_date": "2020-10-13Z",
            "last_modified_by": "System",
            "last_modified_date": "2026-11-05Z",
            "suppress_from_publishing": "false",
            "anies": [record],
        },
    }
    text = json.dumps(message, separators=(",", ":"))
    before, rest = text.split("ID", 1)
    between, again, rest = rest.split("MMS", 2)
    after, end = rest.split("TEXT")
    return before, between, again, after, end


def alma_signature(body: bytes, secret: bytes) -> str:
    """Sign as Alma does."""
    return "X-Exl-Signature: " + b64encode(hmac.digest(secret, body, "sha256")).decode("ascii")


def hex_signature(body: bytes, secret: bytes) -> str:
    """Sign for a program that reads hexadecimal signatures only."""
    return "X-Signature: " + hmac.digest(secret, body, "sha256").hex()


def request(body: bytes, *, sign: Sign = alma_signature, secret: bytes = SECRET) -> bytes:
    """Make a whole HTTP request."""
    head = (
        f"POST {PATH} HTTP/1.1\r\nHost: hooks.example.edu\r\nContent-Type: application/json\r\n"
        f"{sign(body, secret)}\r\nContent-Length: {len(body)}\r\n\r\n"
    )
    return head.encode("ascii") + body


def new(bodies: Bodies, count: int) -> Iterator[bytes]:
    """Make messages that all differ."""
    return (bodies.next()[1] for _ in range(count))


def half_repeated(bodies: Bodies, count: int, seed: int | None = None) -> Iterator[bytes]:
    """Make messages of which each second one was there before."""
    chance = random.Random(seed)
    sent: list[bytes] = []
    for number in range(count):
        if number % 2:
            yield chance.choice(sent)
        else:
            body = bodies.next()[1]
            if len(sent) < _REPEATED_WITHIN // 2:
                sent.append(body)
            else:
                sent[number // 2 % len(sent)] = body
            yield body


def write(
    path: Path, bodies: Iterator[bytes], *, sign: Sign = alma_signature, secret: bytes = SECRET
) -> Requests:
    """Write the requests with these bodies to a file.

    Raises:
        ValueError: They are not all of one length.
    """
    lengths: set[int] = set()
    count = 0
    with path.open("wb") as file:
        for body in bodies:
            text = request(body, sign=sign, secret=secret)
            lengths.add(len(text))
            count += 1
            file.write(text)
    (length,) = lengths
    return Requests(path, length, count)
