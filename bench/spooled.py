"""What almahook has the kernel write (io_uring), which no count of a process's writes has in it.

https://github.com/torvalds/linux/blob/master/Documentation/filesystems/proc.rst, ``wchar``.
"""

import time
from functools import cache

from almahook.inbox.sqlite.batches import pack
from almahook.inbox.sqlite.ring import Ring
from almahook.protocol import Endpoint
from almahook.protocol.answering import accept
from almahook.protocol.signature import sign
from bench.message import SECRET
from bench.servers import Server


def uncounted_bytes(server: Server, request: bytes) -> int:
    """Say how much of it there is for each event that is like the one in a request."""
    return _spooled_bytes(request) if server.module == "almahook" and _has_ring() else 0


@cache
def _has_ring() -> bool:
    try:
        Ring().close()
    except OSError:
        return False
    return True


def _spooled_bytes(request: bytes) -> int:
    body = request.partition(b"\r\n\r\n")[2]
    event = accept(
        body,
        signature=sign(body, secret=SECRET).encode("ascii"),
        content_type="application/json",
        endpoint=Endpoint(profile="main", secrets=[SECRET]),
        received_at=time.time(),
    )
    # What stands around the events of a batch is shared by tens of them.
    return len(pack([event, event])) - len(pack([event]))
