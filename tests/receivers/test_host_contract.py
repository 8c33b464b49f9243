from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import replace

import pytest
from starlette.applications import Starlette
from starlette.routing import Mount

from almahook.app import Listener
from almahook.testing.host_contract import (
    HTTPRequest,
    HTTPResponse,
    Row,
    Send,
    over_http,
    rows,
    write_settings,
)
from listening import mounted, served

MODES = ("inbox", "direct")
PREFIX = "/alma/hooks"


@contextmanager
def mounted_with_lifespan(listener: Listener) -> Iterator[str]:
    app = Starlette(routes=[Mount(PREFIX, app=listener)], lifespan=listener.lifespan)
    with mounted(app, lifespan="on") as url:
        yield url + PREFIX


@contextmanager
def mounted_without_lifespan(listener: Listener) -> Iterator[str]:
    app = Starlette(routes=[Mount(PREFIX, app=listener)])
    with mounted(app, lifespan="off") as url:
        yield url + PREFIX
    listener.stop()


HOSTS = [served, mounted_with_lifespan, mounted_without_lifespan]


@pytest.fixture(scope="module", params=HOSTS, ids=lambda host: host.__name__)
def hosts(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Mapping[str, Send]]:
    """One kind of host, in both modes."""
    with ExitStack() as stack:
        found = {}
        for mode in MODES:
            file = write_settings(tmp_path_factory.mktemp(mode), mode)
            found[mode] = over_http(stack.enter_context(request.param(Listener.from_file(file))))
        yield found


@pytest.mark.parametrize(
    ("mode", "row"),
    [pytest.param(mode, row, id=f"{mode}: {row}") for mode in MODES for row in rows(mode)],
)
def test_every_host_answers_this_row_byte_for_byte(
    mode: str, row: Row, hosts: Mapping[str, Send]
) -> None:
    row.check(hosts[mode])


GOOD = HTTPResponse(status=200, headers={"Content-Type": "text/plain"}, body=b"ok")


@pytest.mark.parametrize(
    "found",
    [
        replace(GOOD, status=201),
        replace(GOOD, body=b"ok "),
        replace(GOOD, headers={"Content-Type": "text/html"}),
        replace(GOOD, headers={}),
        replace(GOOD, headers={"Content-Type": "text/plain", "Set-Cookie": "a=b"}),
    ],
)
def test_a_host_that_answers_anything_else_does_not_pass(found: HTTPResponse) -> None:
    row = Row(
        name="it is ok",
        request=HTTPRequest(),
        status=200,
        body=b"ok",
        headers={"content-type": "text/plain"},
    )
    row.check(lambda _: replace(GOOD, headers={**GOOD.headers, "Date": "today"}))
    with pytest.raises(AssertionError, match="it is ok"):
        row.check(lambda _: found)


@pytest.mark.parametrize("mode", MODES)
def test_no_two_rows_prove_the_same_sentence(mode: str) -> None:
    names = [row.name for row in rows(mode)]
    assert len(set(names)) == len(names)
