import subprocess
import sys

from almahook.protocol import verify
from almahook.testing import sample, signed_headers, signed_request

SECRET = "Secret of Méndez"


def test_a_signed_request_is_one_that_alma_would_make() -> None:
    body = sample("LOAN")
    request = signed_request(body, SECRET)
    assert (request.method, request.body) == ("POST", body)
    secrets = [b"another", SECRET.encode("utf-8")]
    assert verify(request.body, signature=request.signature, secrets=secrets) == 1


def test_signed_headers_carry_the_same_signature() -> None:
    headers = signed_headers(b"{}", SECRET.encode("utf-8"))
    assert headers["X-Exl-Signature"] == signed_request(b"{}", SECRET).signature


def test_testing_handlers_needs_no_test_framework() -> None:
    code = (
        "import sys, almahook.testing; "
        "assert not {'pytest', 'hypothesis', 'httpx2', 'apprise'} & set(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
