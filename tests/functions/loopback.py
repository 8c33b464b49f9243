"""A queue that answers as the test wants, and counts what it was asked."""

import json
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

Answer = Callable[[dict[str, object]], tuple[int, object]]


def stored(asked: dict[str, object]) -> tuple[int, object]:
    entries = asked["Entries"]
    assert isinstance(entries, list)
    return 200, {"Successful": [{"Id": entry["Id"]} for entry in entries]}


class Queue(ThreadingHTTPServer):
    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Endpoint)
        self.answer: Answer = stored
        self.calls: list[str] = []
        self.connections = 0
        self.silent = threading.Event()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}"

    def process_request(self, request, client_address) -> None:
        self.connections += 1
        super().process_request(request, client_address)


class _Endpoint(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    server: Queue

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        self.server.calls.append(self.headers["X-Amz-Target"])
        status, said = self.server.answer(json.loads(body))
        if status == 0:
            # It never answers.
            self.server.silent.wait()
            return
        payload = json.dumps(said).encode()
        self.send_response(status)
        self.send_header("Content-Length", str(len(payload)))
        self.end_headers()
        self.wfile.write(payload)

    def log_message(self, *_: object) -> None:
        """Leave the tests' output alone."""


@contextmanager
def running_queue() -> Iterator[Queue]:
    queue = Queue()
    thread = threading.Thread(target=queue.serve_forever, args=[0.05])
    thread.start()
    try:
        yield queue
    finally:
        queue.silent.set()
        queue.shutdown()
        thread.join()
        queue.server_close()
