"""Sends the rows' requests to a host that listens somewhere."""

from contextlib import closing
from http.client import HTTPConnection
from urllib.parse import urlsplit

from almahook.testing.host_contract.exchange import HTTPRequest, HTTPResponse, Send

_TIMEOUT_S = 30.0


def over_http(url: str) -> Send:
    """Return the function that sends requests to a host below a URL, one connection each.

    Nothing is added but ``Host`` and the body's length, and names are spelt as the row has them.
    """
    base = urlsplit(url)

    def send(request: HTTPRequest) -> HTTPResponse:
        assert base.hostname is not None
        with closing(HTTPConnection(base.hostname, base.port, timeout=_TIMEOUT_S)) as connection:
            query = f"?{request.query}" if request.query else ""
            target = f"{base.path}{request.path}{query}"
            connection.putrequest(request.method, target, skip_accept_encoding=True)
            for name, value in request.headers:
                connection.putheader(name, value)
            if request.body or request.method == "POST":
                connection.putheader("Content-Length", str(len(request.body)))
            connection.endheaders(request.body or None)
            found = connection.getresponse()
            headers = {name.lower(): value for name, value in found.getheaders()}
            return HTTPResponse(status=found.status, headers=headers, body=found.read())

    return send
