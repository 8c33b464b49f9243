"""AWS's published test vectors for Signature Version 4, those without a query string.

Requests and signatures are those of the "AWS Signature Version 4 Test Suite".
https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_sigv-test-suite.html
"""

from datetime import UTC, datetime

import pytest

from almahook.aws import Credentials, sign
from almahook.aws.sigv4 import canonical_request, string_to_sign

AT = datetime(2015, 8, 30, 12, 36, tzinfo=UTC).timestamp()
KEY_ID, SECRET_KEY = "AKIDEXAMPLE", "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY"
TOKEN = (
    "AQoDYXdzEPT//////////wEXAMPLEtc764bNrC9SAPBSM22wDOk4x4HIZ8j4FZTwdQWLWsKWHGBuFqwAeMicRXmxfpSPf"
    "IeoIYRqTflfKD8YUuwthAx7mSEI/qkPpKPi/kMcGdQrmGdeehM4IC1NtBmUpp2wUE8phUZampKsburEDy0KPkyQDYwT7W"
    "Z0wq5VSXDvp75YU9HFvlRd8Tx6q6fE8YQcHNVXAkiY9q6d+xo0rKwT38xVqr7ZD0u0iPPkUL64lIZbqBAz+scqKmlzm8F"
    "DrypNC9Yjc8fPOLn9FX9KSYvKTr4rvx3iSIlTJabIQwj2ICCR/oLxBA=="
)
UNRESERVED = "/-._~0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
FORM = {"Content-Type": "application/x-www-form-urlencoded"}

VECTORS = {
    "get-vanilla": (
        ("GET", "/", {}, b""),
        "5fa00fa31553b73ebf1942676e86291e8372ff2a2260956d9b8aae1d763fbf31",
    ),
    "post-vanilla": (
        ("POST", "/", {}, b""),
        "5da7c1a2acd57cee7505fc6676e4e544621c30862966e37dddb68e92efbe5d6b",
    ),
    "get-unreserved": (
        ("GET", UNRESERVED, {}, b""),
        "07ef7494c76fa4850883e2b006601f940f8a34d404d0cfa977f52a65bbf5f24f",
    ),
    "get-utf8": (
        ("GET", "/\u1234", {}, b""),
        "8318018e0b0f223aa2bbf98705b62bb787dc9c0e678f255a891fd03141be5d85",
    ),
    "get-space": (
        ("GET", "/example space/", {}, b""),
        "652487583200325589f1fba4c7e578f72c47cb61beeca81406b39ddec1366741",
    ),
    "get-header-value-trim": (
        ("GET", "/", {"My-Header1": " value1", "My-Header2": ' "a   b   c"'}, b""),
        "acc3ed3afb60bb290fc8d2dd0098b9911fcaa05412b367055dee359757a9c736",
    ),
    "post-header-value-case": (
        ("POST", "/", {"My-Header1": "VALUE1"}, b""),
        "cdbc9802e29d2942e5e10b5bccfdd67c5f22c7c4e8ae67b53629efa58b974b7d",
    ),
    "post-x-www-form-urlencoded": (
        ("POST", "/", FORM, b"Param1=value1"),
        "ff11897932ad3f4e8b18135d722051e5ac45fc38421b1da7b9d196a0fe09473a",
    ),
}


def authorization(method: str, path: str, headers: dict, body: bytes, *, token: str = "") -> str:
    signed = sign(
        method,
        path,
        {"Host": "example.amazonaws.com", **headers},
        body,
        credentials=Credentials(KEY_ID, SECRET_KEY, token),
        region="us-east-1",
        service="service",
        at=AT,
    )
    return signed["Authorization"]


@pytest.mark.parametrize(("asked", "signature"), VECTORS.values(), ids=VECTORS)
def test_a_request_has_the_signature_that_aws_publishes(asked: tuple, signature: str) -> None:
    assert authorization(*asked).endswith(f", Signature={signature}")


def test_the_session_token_of_a_role_is_signed_too() -> None:
    assert authorization("POST", "/", {}, b"", token=TOKEN) == (
        "AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/20150830/us-east-1/service/aws4_request, "
        "SignedHeaders=host;x-amz-date;x-amz-security-token, "
        "Signature=85d96828115b5dc0cfc3bd16ad9e210dd772bbebba041836c64533a82be05ead"
    )


def test_the_canonical_request_and_the_string_to_sign_are_those_that_aws_publishes() -> None:
    headers = {"Host": "example.amazonaws.com", "X-Amz-Date": "20150830T123600Z", **FORM}
    request = canonical_request("POST", "/", headers, b"Param1=value1")
    assert request == (
        "POST\n/\n\ncontent-type:application/x-www-form-urlencoded\nhost:example.amazonaws.com\n"
        "x-amz-date:20150830T123600Z\n\ncontent-type;host;x-amz-date\n"
        "9095672bbd1f56dfc5b65f3e153adc8731a4a654192329106275f4c7b24d0b6e"
    )
    scope = "20150830/us-east-1/service/aws4_request"
    assert string_to_sign(request, moment="20150830T123600Z", scope=scope) == (
        f"AWS4-HMAC-SHA256\n20150830T123600Z\n{scope}\n"
        "42a5e5bb34198acb3e84da4f085bb7927f2bc277ca766e6d19c73c2154021281"
    )


@pytest.mark.parametrize("key", ["spool/2026-11-24/a b", "bodies/é+=%2F~"])
def test_an_object_s_request_is_signed_as_the_aws_sdk_signs_it(key: str) -> None:
    from hashlib import sha256
    from urllib.parse import quote

    import botocore.auth
    from botocore.awsrequest import AWSRequest
    from botocore.credentials import Credentials as SDKCredentials

    host, body = "bucket.s3.eu-central-1.amazonaws.com", b"\x00\xff"
    headers = {"Host": host, "X-Amz-Content-Sha256": sha256(body).hexdigest()}
    ours = sign(
        "PUT",
        f"/{key}",
        headers,
        body,
        credentials=Credentials(KEY_ID, SECRET_KEY, TOKEN),
        region="eu-central-1",
        service="s3",
        at=AT,
    )
    url = f"https://{host}/{quote(key, safe='/-_.~')}"
    request = AWSRequest("PUT", url, data=body, headers=dict(headers))
    request.context["timestamp"] = "20150830T123600Z"
    request.headers["X-Amz-Date"] = "20150830T123600Z"
    request.headers["X-Amz-Security-Token"] = TOKEN
    signer = botocore.auth.S3SigV4Auth(
        SDKCredentials(KEY_ID, SECRET_KEY, TOKEN), "s3", "eu-central-1"
    )
    theirs = signer.signature(
        signer.string_to_sign(request, signer.canonical_request(request)), request
    )
    assert ours["Authorization"].endswith(f"Signature={theirs}")


def test_the_repr_of_credentials_shows_no_secret() -> None:
    assert repr(Credentials(KEY_ID, SECRET_KEY, TOKEN)) == "<Credentials AKIDEXAMPLE>"
