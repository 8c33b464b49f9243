"""What the receive function imports: it decides how long Alma waits for a cold one."""

import ast
import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from functions.conftest import ENVIRONMENT, write_function_settings
from functions.loopback import running_queue

ASK = """
import json, os, sys

class Context:
    invoked_function_arn = "arn:aws:lambda:us-east-1:000000000000:function:receive"

before = set(sys.modules)
from almahook.app.functions.receive import handler
from_handler = handler(json.load(sys.stdin), Context)
print(json.dumps([from_handler["statusCode"], sorted(set(sys.modules) - before)]))
"""

# The base64 of 32 bytes.
WELL_FORMED = f"{'A' * 43}="

# Of almahook's own, whatever is answered.
ALWAYS = {
    *("almahook", "almahook.lazy", "almahook.app", "almahook.app.functions"),
    *("almahook.app.functions.log", "almahook.app.functions.manifest"),
    *("almahook.app.functions.receive", "almahook.app.functions.secret_values"),
    *("almahook.errors", "almahook.errors.refusal"),
    *("almahook.protocol", "almahook.protocol.decision", "almahook.protocol.message"),
    "almahook.protocol.reply",
    *("almahook.receivers", "almahook.receivers.aws_lambda"),
    "almahook.receivers.aws_lambda.receiver",
    "almahook.receivers.aws_lambda.shape",
}
CHALLENGED = {"almahook.protocol.challenge"}
REFUSED = {"almahook.protocol.signature", "almahook.receivers.budget"}
STORED = {
    *("almahook.app.functions.reading", "almahook.app.functions.spool"),
    *("almahook.aws", "almahook.aws.call", "almahook.aws.sigv4"),
    *("almahook.errors.aws", "almahook.errors.inbox", "almahook.errors.message"),
    *("almahook.inbox", "almahook.inbox.aws", "almahook.inbox.aws.names"),
    *("almahook.inbox.aws.spool", "almahook.inbox.aws.text"),
    *("almahook.protocol.document", "almahook.protocol.fields", "almahook.protocol.limits"),
    *("almahook.protocol.plain_json", "almahook.protocol.signature", "almahook.protocol.utf8"),
    *("almahook.protocol.outcome", "almahook.protocol.vocabulary"),
}

# Of the standard library: what json loads, and the runtime client with it.
JSON = {
    *("json", "_json", "re", "sre_compile", "sre_constants", "sre_parse", "_sre", "copyreg"),
    *("enum", "types", "functools", "_functools", "collections", "_collections", "operator"),
    *("_operator", "itertools", "keyword", "reprlib", "time"),
}
ANSWERING = JSON | {"__future__", "gc"}
VERIFYING = ANSWERING | {"hmac", "hashlib", "_hashlib", "_blake2", "binascii", "warnings"}
# The rest is the transport's.
NEVER = {
    *("boto3", "botocore", "urllib3", "requests", "httpx2", "msgspec"),
    *("asyncio", "concurrent", "dataclasses", "decimal", "inspect", "logging", "pathlib"),
    *("sqlite3", "subprocess", "tempfile", "tomllib", "traceback", "typing", "unittest", "uuid"),
    *("xml", "importlib.metadata"),
}


def ask(tmp_path: Path, request: dict[str, str], **more: str) -> tuple[int, set[str]]:
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
        [sys.executable, "-S", "-c", ASK],
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
    return status, set(modules)


def own(modules: set[str]) -> set[str]:
    return {name for name in modules if name.partition(".")[0] == "almahook"}


def others(modules: set[str]) -> set[str]:
    return {name.partition(".")[0] for name in modules - own(modules)}


def test_to_answer_a_challenge_takes_these_modules_and_no_others(tmp_path: Path) -> None:
    status, modules = ask(tmp_path, {"method": "GET", "query": "challenge=0b9d2f0e-6d5c"})
    assert status == 200
    assert own(modules) == ALWAYS | CHALLENGED
    assert others(modules) <= ANSWERING


@pytest.mark.parametrize(
    "request_",
    [
        {"method": "POST", "signature": "wrong", "body": "{}"},
        {"method": "POST", "signature": WELL_FORMED, "body": "{}"},
        {"method": "POST", "body": "{}"},
    ],
    ids=["malformed", "mismatch", "missing"],
)
def test_to_refuse_takes_these_modules_and_no_others(tmp_path: Path, request_) -> None:
    status, modules = ask(tmp_path, request_)
    assert status == 401
    assert own(modules) == ALWAYS | REFUSED
    assert others(modules) <= VERIFYING


def test_to_take_an_event_in_takes_no_sdk_and_nothing_that_is_slow_to_load(tmp_path: Path) -> None:
    from almahook.protocol import sign

    body = '{"id":"1","action":"LOAN"}'
    signature = sign(body.encode(), secret=ENVIRONMENT["SECRET"].encode())
    with running_queue() as queue:
        status, modules = ask(
            tmp_path,
            {"method": "POST", "signature": signature, "body": body},
            ALMAHOOK_INBOX="aws:hooks",
            AWS_REGION="us-east-1",
            AWS_ENDPOINT_URL=queue.url,
            AWS_ACCESS_KEY_ID="test",
            AWS_SECRET_ACCESS_KEY="test",
        )
    assert status == 200
    assert own(modules) == ALWAYS | STORED
    assert modules & NEVER == set()
    assert others(modules) <= sys.stdlib_module_names


def test_no_module_of_the_receive_function_needs_a_package() -> None:
    from almahook.cli.aws_imports import imported_files

    wanted = {
        name.partition(".")[0]
        for file in imported_files("almahook.app.functions.receive").values()
        for name in top_imports(file)
    }
    assert wanted <= sys.stdlib_module_names | {"almahook"}


def top_imports(file: Path) -> Iterator[str]:
    """Every import of a file, also those within functions and for type checkers."""
    for node in ast.walk(ast.parse(file.read_bytes())):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.module
            yield node.module
