"""What is no listener's path."""

from almahook.errors.refusal import UnknownPathError
from almahook.protocol.message import Response
from almahook.protocol.reply import error_reply

_PLAIN = {"content-type": "text/plain; charset=utf-8"}


def page(path: str, method: str) -> Response:
    """Answer a request for it; a load balancer asks for its targets' health."""
    if path == "/healthz" and method in {"GET", "HEAD"}:
        return Response(status=200, body=b"ok\n", headers=_PLAIN)
    return error_reply(UnknownPathError())
