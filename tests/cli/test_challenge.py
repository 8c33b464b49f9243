import socket
import ssl
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from almahook.cli import call as calls
from almahook.cli.challenge_verdict import with_challenge
from running import Answer, Asked, Says, Stranger, run, serving

TLS = Path(__file__).parent / "tls"


@pytest.fixture
def stranger() -> Iterator:
    """Make listeners that answer as they are told."""
    made: list[Stranger] = []

    def make(answer: Answer, *, certificate: str = "") -> Stranger:
        context = None
        if certificate:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain(TLS / certificate, TLS / "key.pem")
        made.append(Stranger(answer, tls=context))
        return made[-1]

    yield make
    for one in made:
        one.close()


def documented(asked: Asked) -> Says:
    return Says(f'{{"challenge":"{asked.challenge}"}}')


def told(said) -> str:
    return " ".join(said.out.split())


def test_the_listener_of_almahook_answers_as_documented(tmp_path):
    with serving(tmp_path) as address:
        done = run("challenge", f"{address}/webhooks/main", cwd=tmp_path)
    assert done.status == 0, done.out + done.err
    assert "The answer is what Ex Libris documents." in done.out
    assert max(map(len, done.out.splitlines())) <= 80
    assert "\x1b" not in done.out


def test_it_asks_as_alma_does_and_not_for_json(almahook, stranger):
    listener = stranger(documented)
    assert almahook("challenge", listener.url).status == 0
    (asked,) = listener.asked
    assert asked.method == "GET"
    assert asked.challenge
    assert asked.headers["accept"] == "*/*"
    assert "x-exl-signature" not in asked.headers


def test_each_challenge_is_another_one(almahook, stranger):
    listener = stranger(documented)
    for _ in range(2):
        almahook("challenge", listener.url)
    assert len({asked.challenge for asked in listener.asked}) == 2


@pytest.mark.parametrize(
    ("url", "asked"),
    [
        ("http://h/w", "http://h/w?challenge=T"),
        ("http://h/w?institution=A", "http://h/w?institution=A&challenge=T"),
        ("http://h/w?", "http://h/w?challenge=T"),
        ("http://h/w#top", "http://h/w?challenge=T"),
    ],
)
def test_a_query_of_the_url_is_kept(url, asked):
    assert with_challenge(url, "T") == asked


def test_json_with_blanks_is_still_what_is_documented(almahook, stranger):
    def pretty(asked: Asked) -> Says:
        return Says(
            f'{{\n "challenge" : "{asked.challenge}"\n}}\n',
            content_type="APPLICATION/JSON; charset=utf-8",
        )

    assert almahook("challenge", stranger(pretty).url, "--json").json["as_documented"] is True


@pytest.mark.parametrize(
    ("form", "content_type", "named"),
    [
        ("{0}", "text/plain", "it is not JSON"),
        ('{{"challenge":"{0}"}}', "text/html", "it is called HTML"),
        ('{{"challenge":"{0}"}}', "text/plain", "its Content-Type is text/plain"),
        ('{{"status":"ok","challenge":"{0}"}}', "application/json", "other keys"),
        ('{{"data":{{"challenge":"{0}"}}}}', "application/json", "under the key challenge"),
        ('["{0}"]', "application/json", "under the key challenge"),
        ("<p>{0}</p>", "text/html", "it is not JSON"),
    ],
)
def test_what_alma_only_tolerates_is_said_to_be_that(almahook, stranger, form, content_type, named):
    listener = stranger(lambda asked: Says(form.format(asked.challenge), content_type=content_type))

    said = almahook("challenge", listener.url)

    assert said.status == 0
    assert said.out.startswith("warning")
    assert "Alma is known to take" in told(said)
    assert named in told(said)
    assert almahook("challenge", listener.url, "--json").json["as_documented"] is False


@pytest.mark.parametrize(
    ("says", "named"),
    [
        (Says("Not here", status=404), "/webhooks/main"),
        (Says(status=401), "Exempt the path /webhooks/ from the login"),
        (Says(status=403), "firewall"),
        (Says(status=405), "GET and POST"),
        (Says(status=406), "whatever Accept says"),
        (Says(status=500), "log of the listener"),
        (Says(status=502), "almahook serve"),
        (Says(status=503), "almahook serve"),
        (Says(status=301, headers={"Location": "https://127.0.0.1/x"}), "with https://"),
        (Says(status=302, headers={"Location": "http://elsewhere.example/x"}), "elsewhere.example"),
        (Says(status=302, headers={"Location": "/login?next=/webhooks"}), "leads to a login"),
        (Says(status=307), "not known to follow"),
        (Says("<!DOCTYPE html><title>Welcome"), "web page"),
        (Says('<html><form><input type="password">'), "login page"),
        (Says('{"challenge":"the one of yesterday"}'), "caching"),
        (Says(""), "it is empty"),
        (Says('{"status":"ok"}'), "something else than a listener"),
    ],
)
def test_an_answer_that_alma_would_not_take_is_named_with_its_fix(almahook, stranger, says, named):
    said = almahook("challenge", stranger(lambda _: says).url)
    assert said.status == 1
    assert said.out.startswith("problem")
    assert "Fix: " in said.out
    assert named in told(said)


def test_the_challenge_in_an_answer_that_is_not_200_does_not_count(almahook, stranger):
    listener = stranger(lambda asked: Says(f'{{"challenge":"{asked.challenge}"}}', status=202))
    said = almahook("challenge", listener.url)
    assert said.status == 1
    assert "its status is 202 and not 200" in told(said)


def test_nothing_that_a_server_answers_reaches_the_terminal_as_control_codes(almahook, stranger):
    headers = {"Location": "http://elsewhere.example/\x1b[31m\x07"}
    said = almahook("challenge", stranger(lambda _: Says(status=302, headers=headers)).url)
    assert "elsewhere.example" in said.out
    assert not {"\x1b", "\x07"} & set(said.out)


@pytest.mark.parametrize(
    ("certificate", "trusted", "named"),
    [
        ("self.pem", "authority.pem", "known authorities only"),
        ("expired.pem", "authority.pem", "Renew it"),
        ("other.pem", "authority.pem", "Get one for the name 127.0.0.1"),
        ("good.pem", "self.pem", "whole chain"),
    ],
)
def test_a_certificate_that_alma_would_refuse_is_named_with_its_fix(
    almahook, stranger, monkeypatch, *, certificate, trusted, named
):
    monkeypatch.setenv("SSL_CERT_FILE", str(TLS / trusted))
    said = almahook("challenge", stranger(documented, certificate=certificate).url)
    assert said.status == 1
    assert named in told(said)


def test_a_good_certificate_is_taken_and_its_end_is_known(almahook, stranger, monkeypatch):
    monkeypatch.setenv("SSL_CERT_FILE", str(TLS / "authority.pem"))
    said = almahook("challenge", stranger(documented, certificate="good.pem").url, "--json")
    assert said.json["as_documented"] is True
    assert said.json["certificate_ends"] == ssl.cert_time_to_seconds("Oct 31 18:08:43 2126 GMT")
    assert said.json["notes"] == []


def test_https_to_a_port_without_tls_is_recognised(almahook, stranger):
    listener = stranger(documented)
    said = almahook("challenge", listener.url.replace("http:", "https:"))
    assert said.status == 1
    assert "does not speak TLS" in told(said)


def test_http_to_a_port_with_tls_is_recognised(almahook, stranger):
    listener = stranger(documented, certificate="good.pem")
    said = almahook("challenge", listener.url.replace("https:", "http:"))
    assert said.status == 1
    assert "write https://" in told(said)


def test_a_port_where_nothing_listens_is_named(almahook):
    with closing(socket.create_server(("127.0.0.1", 0))) as free:
        port = free.getsockname()[1]
    said = almahook("challenge", f"http://127.0.0.1:{port}/webhooks/main")
    assert said.status == 1
    assert f"Nothing listens on 127.0.0.1, port {port}" in told(said)
    assert "almahook serve" in told(said)


@pytest.mark.parametrize(
    ("says", "named"),
    [
        (Says(hangs=True), "no whole answer within"),
        (Says("{", headers={"Content-Length": "100"}), "broke off"),
    ],
)
def test_an_answer_that_never_comes_or_breaks_off_counts_as_none(
    almahook, stranger, monkeypatch, says, named
):
    monkeypatch.setattr(calls, "LIMIT_S", 0.5)
    said = almahook("challenge", stranger(lambda _: says).url)
    assert said.status == 1
    assert named in told(said)


def test_the_five_seconds_are_for_the_whole_answer_and_not_for_each_piece(
    almahook, stranger, monkeypatch
):
    monkeypatch.setattr(calls, "LIMIT_S", 0.5)
    said = almahook("challenge", stranger(lambda _: Says("x" * 1000, trickles=True)).url)
    assert said.status == 1
    assert "no whole answer within" in told(said)


@pytest.mark.parametrize(
    "url", ["hooks.example.edu/x", "ftp://h/x", "http://", "http://[::1", "h:x"]
)
def test_what_is_no_url_is_refused_with_an_example(almahook, url):
    said = almahook("challenge", url)
    assert said.status == 2
    assert "https://hooks.example.edu/webhooks/main" in said.err
    assert said.out == ""


def test_a_proxy_of_the_environment_is_not_asked_about_this_machine(
    almahook, stranger, monkeypatch
):
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:1")
    assert almahook("challenge", stranger(documented).url).status == 0


def test_an_address_without_https_is_noted(almahook, stranger):
    assert "Alma itself needs an https address" in told(
        almahook("challenge", stranger(documented).url)
    )
