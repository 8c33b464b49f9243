import hmac
import json
from base64 import b64encode
from importlib import resources
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from almahook.errors import (
    MalformedSignatureError,
    MissingSignatureError,
    NoSecretError,
    SignatureError,
    SignatureMismatchError,
)
from almahook.protocol import sign, verify

SAMPLES = resources.files("almahook.events") / "samples"
VECTORS = json.loads((SAMPLES / "signature_vectors.json").read_bytes())

BODY = b'{"action":"JOB_END"}'
SECRET = b"correct horse battery staple"
GOOD = sign(BODY, secret=SECRET)

unhurried = settings(deadline=None)


def body_of(vector: dict[str, Any]) -> bytes:
    if "body_file" in vector:
        return (SAMPLES / vector["body_file"]).read_bytes()
    return vector["body"].encode("utf-8")


def is_signed(body: bytes, vector: dict[str, Any]) -> bool:
    try:
        verify(body, signature=vector["signature"], secrets=[vector["secret"].encode("utf-8")])
    except SignatureMismatchError:
        return False
    return True


def name_of(vector: dict[str, Any]) -> str:
    return vector.get("body_file") or vector["body"]


def test_there_are_vectors_with_a_file_with_a_text_and_with_a_secret_beyond_ascii() -> None:
    assert sum("body_file" in vector for vector in VECTORS) == 12
    assert sum("body" in vector for vector in VECTORS) == 2
    assert any(not vector["secret"].isascii() for vector in VECTORS)


@pytest.mark.parametrize("vector", VECTORS, ids=name_of)
def test_every_published_signature_verifies_and_is_the_one_that_we_make(vector) -> None:
    body, secret = body_of(vector), vector["secret"].encode("utf-8")
    assert verify(body, signature=vector["signature"], secrets=[secret]) == 0
    assert sign(body, secret=secret) == vector["signature"]


@pytest.mark.parametrize("vector", VECTORS, ids=name_of)
def test_no_byte_of_a_body_can_change(vector) -> None:
    body = body_of(vector)
    passed = []
    for position in range(len(body)):
        changed = bytearray(body)
        changed[position] ^= 1 << position % 8
        if is_signed(bytes(changed), vector):
            passed.append(position)
    assert passed == []


@unhurried
@given(st.sampled_from(VECTORS), st.data())
def test_no_byte_can_be_replaced_added_or_left_out(vector, data) -> None:
    body = body_of(vector)
    start = data.draw(st.integers(0, len(body)))
    end = data.draw(st.integers(start, min(len(body), start + 3)))
    changed = body[:start] + data.draw(st.binary(max_size=3)) + body[end:]
    assert is_signed(changed, vector) == (changed == body)


@pytest.mark.parametrize("vector", VECTORS, ids=name_of)
def test_no_byte_of_the_secret_can_change(vector) -> None:
    secret = vector["secret"].encode("utf-8")
    others = [
        secret[:position] + bytes([byte ^ 1]) + secret[position + 1 :]
        for position, byte in enumerate(secret)
    ]
    for other in [*others, secret + b" ", b" " + secret, secret[:-1]]:
        with pytest.raises(SignatureMismatchError):
            verify(body_of(vector), signature=vector["signature"], secrets=[other])


def test_no_character_of_the_signature_can_change() -> None:
    for position, character in enumerate(GOOD):
        other = "B" if character == "A" else "A"
        changed = GOOD[:position] + other + GOOD[position + 1 :]
        with pytest.raises(SignatureError):
            verify(BODY, signature=changed, secrets=[SECRET])


@unhurried
@given(st.binary(), st.binary(min_size=1), st.binary(min_size=1))
def test_what_is_signed_verifies_with_its_secret_and_with_no_other(body, secret, other) -> None:
    signature = sign(body, secret=secret)
    assert verify(body, signature=signature, secrets=[secret]) == 0
    # A key shorter than a block is filled up with zeros (RFC 2104).
    if other.rstrip(b"\0") != secret.rstrip(b"\0"):
        with pytest.raises(SignatureMismatchError):
            verify(body, signature=signature, secrets=[other])


@unhurried
@given(
    st.binary(max_size=200) | st.sampled_from([64, 65, 5000]).map(bytes),
    st.binary(max_size=70)
    | st.sampled_from([2046, 2047, 2048, 4094, 4095, 32_767, 32_768, 100_000]).map(bytes),
)
def test_a_signature_is_the_hmac_of_the_standard_library_whatever_is_signed(secret, body) -> None:
    digest = hmac.digest(secret, body, "sha256")
    assert sign(body, secret=secret) == b64encode(digest).decode("ascii")


@pytest.mark.parametrize("index", range(3))
def test_during_a_rotation_each_secret_is_accepted_and_told_by_its_number(index) -> None:
    secrets = [b"old", b"new", "clé".encode()]
    signature = sign(BODY, secret=secrets[index])
    assert verify(BODY, signature=signature, secrets=secrets) == index


def test_of_two_equal_secrets_the_first_is_told() -> None:
    assert verify(BODY, signature=GOOD, secrets=[b"old", SECRET, SECRET]) == 1


def test_a_secret_that_is_not_among_them_is_refused() -> None:
    with pytest.raises(SignatureMismatchError):
        verify(BODY, signature=GOOD, secrets=[b"old", b"new"])


@pytest.mark.parametrize("secrets", [[], [b""], [b"", b""]])
@pytest.mark.parametrize("signature", [GOOD, sign(BODY, secret=b""), None])
def test_without_a_secret_nothing_passes(secrets, signature) -> None:
    with pytest.raises(NoSecretError):
        verify(BODY, signature=signature, secrets=secrets)


def test_an_empty_secret_beside_a_real_one_signs_nothing() -> None:
    assert verify(BODY, signature=GOOD, secrets=[b"", SECRET]) == 1
    with pytest.raises(SignatureMismatchError):
        verify(BODY, signature=sign(BODY, secret=b""), secrets=[b"", SECRET])


@pytest.mark.parametrize("signature", [None, "", " ", "\t \t"])
def test_no_header_and_an_empty_one_are_a_missing_signature(signature) -> None:
    with pytest.raises(MissingSignatureError):
        verify(BODY, signature=signature, secrets=[SECRET])


@pytest.mark.parametrize("signature", [f" {GOOD}", f"{GOOD} ", f"\t{GOOD}\t "])
def test_blanks_around_the_value_are_the_header_s_and_not_the_value_s(signature) -> None:
    assert verify(BODY, signature=signature, secrets=[SECRET]) == 0


# The same digest in the alphabet of URLs: of a body whose signature has characters to replace.
WITH_BOTH = next(
    signature
    for number in range(1000)
    if {"+", "/"} <= set(signature := sign(b"%d" % number, secret=SECRET))
)

MALFORMED = {
    "one digit too few": GOOD[:-2] + "=",
    "only half": GOOD[:20],
    "one byte": "QQ==",
    "33 bytes": "QUFB" * 11,
    "64 bytes": "QUFB" * 21 + "QQ==",
    "huge": "QUFB" * 100_000,
    "beyond ASCII": "é" + GOOD[1:],
    "half a character": "\ud800" + GOOD[1:],
    "digits of another script": "٣" + GOOD[1:],
    "the alphabet of URLs": WITH_BOTH.replace("+", "-").replace("/", "_"),
    "no padding": GOOD.rstrip("="),
    "padding twice": GOOD + "=",
    "padding in front": "=" + GOOD[:-1],
    "padding within": GOOD[:20] + "=" + GOOD[20:-1],
    "a blank within": f"{GOOD[:20]} {GOOD[20:]}",
    "a line break within": f"{GOOD[:20]}\n{GOOD[20:]}",
    "a line break behind": f"{GOOD}\n",
    "a carriage return in front": f"\r{GOOD}",
    "a blank of another kind behind": f"{GOOD}\u00a0",
    "a zero byte behind": f"{GOOD}\0",
    "two values": f"{GOOD}, {GOOD}",
    "two values without a blank": f"{GOOD},{GOOD}",
    "an empty value before": f", {GOOD}",
    "quotes": f'"{GOOD}"',
    "a scheme in front": f"sha256={GOOD}",
    "hexadecimal": "0f" * 32,
    "a list": f"['{GOOD}']",
}


@pytest.mark.parametrize("signature", MALFORMED.values(), ids=MALFORMED.keys())
def test_a_value_that_is_not_the_base64_of_32_bytes_is_malformed(signature) -> None:
    with pytest.raises(MalformedSignatureError):
        verify(BODY, signature=signature, secrets=[SECRET])


def test_the_unused_bits_of_the_last_character_are_not_a_second_spelling() -> None:
    alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"
    spellings = [GOOD[:42] + letter + "=" for letter in alphabet]
    passed = []
    for spelling in spellings:
        try:
            verify(BODY, signature=spelling, secrets=[SECRET])
        except SignatureError:
            continue
        passed.append(spelling)
    assert passed == [GOOD]


@unhurried
@given(st.text(st.characters()) | st.text("ABab01+/=-_ ,\t", max_size=50))
def test_whatever_the_header_says_is_a_typed_refusal(signature) -> None:
    with pytest.raises(SignatureError):
        verify(BODY, signature=signature, secrets=[SECRET])


def test_no_refusal_tells_the_secret_the_expected_signature_or_the_given_one() -> None:
    given = sign(b"another body", secret=SECRET)
    for signature in [given, given[:-1], None]:
        with pytest.raises(SignatureError) as refusal:
            verify(BODY, signature=signature, secrets=[SECRET])
        said = f"{refusal.value!r} {refusal.value} {refusal.value.__cause__!r}"
        assert not any(text in said for text in (GOOD, given, SECRET.decode()))
