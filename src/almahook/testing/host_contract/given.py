"""What the rows take for given: the settings, and how requests and answers are spelt."""

from collections.abc import Mapping
from pathlib import Path

import msgspec

from almahook.errors import AlmaHookError
from almahook.protocol import SIGNATURE_HEADER, sign
from almahook.protocol.reply import Mode
from almahook.testing.host_contract.exchange import HTTPRequest, Row

SECRET = "clé-secrète"  # noqa: S105 - made up
OLDER_SECRET = "correct horse battery staple"  # noqa: S105 - made up
MAX_BODY_BYTES = 65_536

JSON: Mapping[str, str] = {
    "content-type": "application/json",
    "x-content-type-options": "nosniff",
}
RETRY: Mapping[str, str] = {"retry-after": "60"}

_SETTINGS = f"""\
mode = "MODE"
host = "127.0.0.1"
port = 0
inbox = "sqlite:inbox.db"
handlers_module = "almahook.testing.host_contract.handlers"
# In inbox mode only answers are looked at.
worker = false
max_body_bytes = {MAX_BODY_BYTES}

[profiles.main]
secrets = ["file:secret", "file:older-secret"]

[profiles.patient]
secrets = ["file:secret"]
refuse_status = 503

[profiles.silent]
"""


def write_settings(folder: Path, mode: Mode) -> Path:
    """Write the settings of the host that is tested, and its secrets; return the settings file."""
    (folder / "secret").write_text(SECRET, "utf-8")
    (folder / "older-secret").write_text(OLDER_SECRET, "utf-8")
    file = folder / "almahook.toml"
    file.write_text(_SETTINGS.replace("MODE", mode), "utf-8")
    return file


def message(event_id: str, *, action: str = "LOAN", more: str = "") -> bytes:
    """Make the body of a message, as compact as Alma's."""
    return f'{{"id":"{event_id}","action":"{action}"{more}}}'.encode()


def signed(
    body: bytes,
    *,
    secret: str = SECRET,
    header: str = SIGNATURE_HEADER,
    content_type: str = "application/json",
    headers: tuple[tuple[str, str], ...] = (),
    path: str = "/webhooks/main",
) -> HTTPRequest:
    """Make the request that Alma would make with a body."""
    signature = sign(body, secret=secret.encode("utf-8"))
    given = (("Content-Type", content_type), (header, signature), *headers)
    return HTTPRequest(path=path, headers=given, body=body)


def with_signature(
    body: bytes, *signatures: str, path: str = "/webhooks/main", method: str = "POST"
) -> HTTPRequest:
    """Make a request whose signatures are as given, none or several too."""
    headers = tuple((SIGNATURE_HEADER, signature) for signature in signatures)
    return HTTPRequest(method=method, path=path, headers=headers, body=body)


def refused(
    name: str,
    request: HTTPRequest,
    error: type[AlmaHookError],
    status: int,
    *,
    headers: Mapping[str, str] | None = None,
) -> Row:
    """Expect the error's code and text."""
    body = msgspec.json.encode({"error": error.code, "message": error().message})
    return Row(
        name=name, request=request, status=status, body=body, headers={**JSON, **(headers or {})}
    )
