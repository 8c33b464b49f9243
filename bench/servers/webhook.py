"""Debian's ``webhook``: an HMAC rule, and a command that does nothing; it stores nothing.

https://github.com/adnanh/webhook
"""

import json
import os
from pathlib import Path

from bench.message import SECRET


def serve(port: int, folder: Path) -> None:
    """Run it."""
    rule = {
        "type": "payload-hmac-sha256",
        "secret": SECRET.decode(),
        "parameter": {"source": "header", "name": "X-Signature"},
    }
    hook = {
        "id": "main",
        "execute-command": "/bin/true",
        "http-methods": ["POST"],
        "trigger-rule": {"match": rule},
        # By default it answers before the command has run, and cannot say that it failed.
        "include-command-output-in-response": os.environ.get("BENCH_WAIT") == "true",
        # It answers 200 to a wrong signature otherwise.
        "trigger-rule-mismatch-http-response-code": 401,
    }
    hooks = folder / "hooks.json"
    hooks.write_text(json.dumps([hook]))
    options = ["-hooks", str(hooks), "-ip", "127.0.0.1", "-port", str(port)]
    os.execvp("webhook", ["webhook", *options, "-urlprefix", "webhooks"])
