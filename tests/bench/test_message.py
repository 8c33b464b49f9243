import json

import pytest
from bench.message import SECRET, Bodies, Requests, half_repeated, new, write

from almahook.protocol import verify

SIZE = 2048


def headers_and_body(request: bytes) -> tuple[dict[str, str], bytes]:
    head, _, body = request.partition(b"\r\n\r\n")
    lines = head.decode().split("\r\n")[1:]
    return dict(line.split(": ", 1) for line in lines), body


def requests_of(made: Requests) -> list[bytes]:
    return [made.read(number) for number in range(made.count)]


def test_a_body_has_exactly_the_size_asked_for():
    bodies = Bodies(SIZE)
    assert {len(bodies.next()[1]) for _ in range(50)} == {SIZE}


def test_a_body_that_cannot_be_so_small_is_refused_with_the_least_size():
    with pytest.raises(ValueError, match="at least") as error:
        Bodies(100)
    least = int(str(error.value).split()[-2])
    assert len(Bodies(least).next()[1]) == least


def test_each_body_is_json_with_an_id_of_its_own():
    bodies = Bodies(SIZE)
    made = dict(bodies.next() for _ in range(500))
    assert len(made) == 500
    assert all(json.loads(body)["id"] == event_id for event_id, body in made.items())


def test_every_request_of_a_file_has_the_right_signature(tmp_path):
    made = write(tmp_path / "requests", new(Bodies(SIZE), 20))
    for request in requests_of(made):
        headers, body = headers_and_body(request)
        assert len(body) == int(headers["Content-Length"])
        verify(body, signature=headers["X-Exl-Signature"], secrets=[SECRET])


def test_a_file_holds_as_many_requests_of_one_length_as_it_says(tmp_path):
    made = write(tmp_path / "requests", new(Bodies(SIZE), 20))
    assert made.path.stat().st_size == made.length * made.count == made.length * 20


def test_each_second_request_repeats_an_earlier_one():
    bodies = list(half_repeated(Bodies(SIZE), 1000))
    new, repeated = bodies[::2], bodies[1::2]
    assert len(set(new)) == 500
    assert all(body in bodies[: 2 * at + 1] for at, body in enumerate(repeated))
