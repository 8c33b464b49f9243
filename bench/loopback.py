"""A queue on loopback that stores nothing: what a function waits for when it sends to SQS."""

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from hashlib import md5
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from uuid import uuid4


class _SQS(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True

    def do_POST(self) -> None:
        asked = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        if "Entries" in asked:
            said = {"Successful": [_stored(one) for one in asked["Entries"]], "Failed": []}
        else:
            said = _stored(asked)
        payload = json.dumps(said).encode()
        self.send_response(200)
        self.send_header("Content-Type", "application/x-amz-json-1.0")
        self.send_header("Content-Length", str(len(payload)))
        self.end_headers()
        self.wfile.write(payload)

    def log_message(self, *_: object) -> None:
        """Say nothing."""


def _stored(message: dict[str, str]) -> dict[str, str]:
    digest = md5(message["MessageBody"].encode(), usedforsecurity=False).hexdigest()
    same = {"Id": message["Id"]} if "Id" in message else {}
    return {**same, "MessageId": str(uuid4()), "MD5OfMessageBody": digest}


@contextmanager
def queue() -> Iterator[str]:
    """Serve it for the time of a block; the value is its URL."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), _SQS)
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, args=[0.05])
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
