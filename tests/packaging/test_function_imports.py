"""What the receive function imports: it decides how long Alma waits for a cold one."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from functions.conftest import ENVIRONMENT, write_function_settings
from functions.loopback import running_queue

# What msgspec loads by itself, such as typing_extensions where it is installed, is its own affair.
WITH_MSGSPEC = "import msgspec"
ASK = """
import json, os, sys

class Context:
    invoked_function_arn = "arn:aws:lambda:us-east-1:000000000000:function:receive"

before = set(sys.modules)
from almahook.app.functions.receive import handler
from_handler = handler(json.load(sys.stdin), Context)
print(json.dumps([from_handler["statusCode"], sorted(set(sys.modules) - before)]))
"""

# Of the standard library, and some of it only in some releases of Python.
REFUSING = {
    *("__future__", "_blake2", "_hashlib", "binascii", "hashlib", "hmac", "warnings"),
    *("copyreg", "enum", "re", "sre_compile", "sre_constants", "sre_parse", "_sre", "types"),
    *("_collections", "_functools", "_operator", "_struct", "collections", "contextlib"),
    *("functools", "heapq", "itertools", "keyword", "operator", "reprlib", "importlib", "_weakref"),
    *("_json", "json", "time", "math", "linecache", "gc"),
}
# The rest is the transport's, and what reads a message.
NEVER = {
    *("boto3", "botocore", "urllib3", "requests", "httpx2"),
    *("asyncio", "concurrent", "dataclasses", "inspect", "logging", "pathlib", "sqlite3"),
    *("subprocess", "tempfile", "tomllib", "traceback", "unittest", "xml"),
}


def ask(
    tmp_path: Path, request: dict[str, str], *, first: str = "", **more: str
) -> tuple[int, set[str]]:
    """Return the status, and which modules it took."""
    write_function_settings(tmp_path, "inbox")
    event = {
        "version": "2.0",
        "routeKey": "$default",
        "rawPath": "/webhooks/main",
        "rawQueryString": request.get("query", ""),
        "headers": {"x-exl-signature": request.get("signature", "")},
        "requestContext": {"http": {"method": request["method"]}},
        "body": request.get("body", ""),
        "isBase64Encoded": False,
    }
    done = subprocess.run(
        [sys.executable, "-S", "-c", first + ASK],
        input=json.dumps(event),
        env={
            "PYTHONPATH": ":".join(entry for entry in sys.path if entry),
            "LAMBDA_TASK_ROOT": str(tmp_path),
            **ENVIRONMENT,
            **more,
        },
        capture_output=True,
        text=True,
        check=True,
    )
    status, modules = json.loads(done.stdout.splitlines()[-1])
    return status, {name.partition(".")[0] for name in modules}


@pytest.mark.parametrize(
    ("request_", "status"),
    [
        ({"method": "GET", "query": "challenge=0b9d2f0e-6d5c"}, 200),
        ({"method": "POST", "signature": "wrong", "body": "{}"}, 401),
        ({"method": "POST", "body": "{}"}, 401),
    ],
)
def test_to_refuse_or_to_answer_a_challenge_takes_these_modules_and_no_others(
    tmp_path: Path, request_, status
) -> None:
    found, modules = ask(tmp_path, request_)
    assert found == status
    assert modules - {"almahook"} - REFUSING == set()


def test_to_take_an_event_in_takes_no_sdk_and_nothing_that_is_slow_to_load(tmp_path: Path) -> None:
    from almahook.protocol import sign

    body = '{"id":"1","action":"LOAN"}'
    signature = sign(body.encode(), secret=ENVIRONMENT["SECRET"].encode())
    with running_queue() as queue:
        status, modules = ask(
            tmp_path,
            {"method": "POST", "signature": signature, "body": body},
            first=WITH_MSGSPEC,
            ALMAHOOK_INBOX="aws:hooks",
            AWS_REGION="us-east-1",
            AWS_ENDPOINT_URL=queue.url,
            AWS_ACCESS_KEY_ID="test",
            AWS_SECRET_ACCESS_KEY="test",
        )
    assert status == 200
    assert modules & NEVER == set()
    assert modules - sys.stdlib_module_names - {"almahook"} == set()
