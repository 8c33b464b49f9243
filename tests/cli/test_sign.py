import io
import json
import sys
from base64 import b64decode, urlsafe_b64encode
from importlib import resources

import pytest
from hypothesis import given
from hypothesis import strategies as st

from almahook.cli.causes import find_cause
from almahook.protocol import sign

SECRET = b"cl\xc3\xa9 of the library"
SAMPLES = resources.files("almahook.events") / "samples"
VECTORS = json.loads((SAMPLES / "signature_vectors.json").read_bytes())
BODY = '{"id":"1","action":"LOAN","link":"/almaws/v1","title":"Cien años","n":1}'.encode()


@pytest.fixture
def file(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("ALMAHOOK_SECRET", raising=False)
    path = tmp_path / "body.json"
    path.write_bytes(BODY)
    return path


def words(body: bytes, signature: str, *secrets: bytes) -> list[str]:
    cause = find_cause(body, signature=signature, secrets=secrets or [SECRET])
    return list(cause.words) if cause else []


@pytest.mark.parametrize("vector", VECTORS)
def test_it_prints_the_signature_that_alma_sent(almahook, tmp_path, vector):
    body = tmp_path / "body"
    sample = vector.get("body_file")
    body.write_bytes((SAMPLES / sample).read_bytes() if sample else vector["body"].encode())

    said = almahook("sign", body, "--secret", vector["secret"])

    assert said.status == 0
    assert said.out == vector["signature"] + "\n"


def test_it_reads_the_standard_input_byte_for_byte(almahook, monkeypatch):
    body = BODY + b"\r\n\xff"
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(body)))

    said = almahook("sign", "-", "--secret", "s", "--json")

    assert said.json == {"signature": sign(body, secret=b"s"), "bytes": len(body)}


def test_the_secret_is_that_of_the_profile(almahook, file):
    (file.parent / "almahook.toml").write_text(
        '[profiles.main]\nsecrets = ["env:A"]\n[profiles.sandbox]\nsecrets = ["env:B"]\n'
    )
    (file.parent / ".env").write_text("A=first\nB=second\n")

    assert almahook("sign", file).out == sign(BODY, secret=b"first") + "\n"
    sandbox = almahook("sign", file, "--profile", "sandbox")
    assert sandbox.out == sign(BODY, secret=b"second") + "\n"


def test_without_a_settings_file_the_variable_is_the_secret(almahook, file, monkeypatch):
    monkeypatch.setenv("ALMAHOOK_SECRET", "from outside")
    assert almahook("sign", file).out == sign(BODY, secret=b"from outside") + "\n"


def test_without_any_secret_it_says_where_to_write_one(almahook, file):
    said = almahook("sign", file)
    assert said.status == 2
    assert said.out == ""
    assert "ALMAHOOK_SECRET" in said.err


@pytest.mark.parametrize("name", ["missing.json", "."])
def test_what_is_no_file_is_named(almahook, file, name):
    said = almahook("sign", name, "--secret", "s")
    assert said.status == 2
    assert f"{name} cannot be read" in said.err
    assert "Traceback" not in said.err


def test_an_empty_secret_signs_nothing(almahook, file):
    said = almahook("sign", file, "--secret", "")
    assert said.status == 2
    assert said.out == ""


def test_verify_says_which_secret_it_was(almahook, file):
    (file.parent / "almahook.toml").write_text('[profiles.main]\nsecrets = ["env:A", "env:B"]\n')
    (file.parent / ".env").write_text("A=new\nB=old\n")
    signature = sign(BODY, secret=b"old")

    said = almahook("sign", file, "--verify", signature)

    assert said.status == 0
    assert "Secret 2 of 2" in said.out
    assert almahook("sign", file, "--verify", signature, "--json").json["secret_number"] == 2


def test_verify_names_what_would_match_and_shows_no_secret(almahook, file):
    signature = sign(BODY, secret=b"a long secret")
    file.write_bytes(BODY + b"\n")

    said = almahook("sign", file, "--secret", " a long secret ", "--verify", signature)

    assert said.status == 1
    told = " ".join(said.out.split())
    assert "the body without the newline at its end" in told
    assert "the secret without the blanks around it" in told
    assert "a long secret" not in said.out + said.err
    assert signature not in said.out + said.err


def test_verify_tells_programs_what_would_match(almahook, file):
    signature = sign(BODY + b"\n", secret=b"s")
    said = almahook("sign", file, "--secret", "s", "--verify", signature, "--json")
    assert said.status == 1
    assert said.json == {
        "ok": False,
        "code": "signature.mismatch",
        "would_match": {"number": 1, "changes": ["the body with a newline at its end"]},
    }


def test_verify_admits_that_nothing_would_match(almahook, file):
    signature = sign(b"something else", secret=b"s")
    said = almahook("sign", file, "--secret", "s", "--verify", signature)
    assert said.status == 1
    assert "Nor would it match" in said.out


@pytest.mark.parametrize(
    ("received", "signed", "named"),
    [
        (BODY + b"\n", BODY, "without the newline"),
        (BODY, BODY + b"\n", "with a newline"),
        (BODY, BODY + b"\r\n", "with CRLF at its end"),
        (b'{"a":\r\n1}', b'{"a":\n1}', "LF instead of CRLF"),
        (b'{"a":\n1}', b'{"a":\r\n1}', "CRLF instead of LF"),
        (b"<a>\n<b/></a>", b"<a><b/></a>", "line ends taken out"),
        (b"\xef\xbb\xbf" + BODY, BODY, "byte order mark"),
        (BODY, BODY.decode().encode("ascii", "replace"), "in ASCII"),
        (BODY, BODY.decode().encode("latin-1"), "in Latin-1"),
        (BODY.decode().encode("latin-1"), BODY, "in UTF-8"),
        (BODY, json.dumps(json.loads(BODY)).encode(), "json.dumps"),
        (json.dumps(json.loads(BODY)).encode(), BODY, "JSON.stringify"),
        (BODY, BODY.replace(b"/", b"\\/"), "(PHP)"),
        (BODY, json.dumps(json.loads(BODY), indent=2, ensure_ascii=False).encode(), "by 2"),
    ],
)
def test_a_changed_body_is_recognised(received, signed, named):
    (only,) = words(received, sign(signed, secret=SECRET))
    assert named in only


@pytest.mark.parametrize(
    ("configured", "in_alma", "named"),
    [
        (b" secret ", b"secret", "without the blanks"),
        (b"secret", b"secret\n", "newline"),
        (b"secret", b"secret ", "blank at its end"),
        (b'"secret"', b"secret", "without the quotes"),
        (b"secret", b'"secret"', "with quotes"),
    ],
)
def test_a_changed_secret_is_recognised(configured, in_alma, named):
    (only,) = words(BODY, sign(BODY, secret=in_alma), configured)
    assert named in only


def test_another_spelling_of_the_signature_is_recognised():
    right = sign(BODY, secret=SECRET)
    digest = b64decode(right)
    assert "hexadecimal" in words(BODY, digest.hex())[0]
    assert "lacks its =" in words(BODY, right.rstrip("="))[0]
    # Not every signature has a character that differs.
    body = next(
        candidate
        for number in range(100)
        if set(sign(candidate := b"%d" % number, secret=SECRET)) & {"+", "/"}
    )
    plain = sign(body, secret=SECRET)
    spelled = urlsafe_b64encode(b64decode(plain)).decode()
    assert "base64 of URLs" in words(body, spelled)[0]


def test_the_second_secret_is_tried_too():
    signature = sign(BODY, secret=b"second")
    cause = find_cause(BODY + b"\n", signature=signature, secrets=[b"first", b"second"])
    assert cause is not None
    assert cause.secret_number == 2


@given(body=st.binary(max_size=200), signature=st.text(max_size=60), secret=st.binary(min_size=1))
def test_no_body_and_no_signature_breaks_the_search(body, signature, secret):
    find_cause(body, signature=signature, secrets=[secret])
