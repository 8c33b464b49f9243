"""The servers that are measured: almahook, and what a library would use or write instead.

Each is a module with a function ``serve(port, folder)`` that runs it in this process, and, if it
stores, ``stored(folder, services)`` that counts what is there and how much of it differs. One
process each that receives, unless the title says otherwise, with one worker, verifying the
signature over the raw body.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace

from bench.message import Sign, alma_signature, hex_signature


@dataclass(frozen=True, kw_only=True)
class Server:
    """One server.

    Attributes:
        module: Its module here.
        stores: Whether it keeps what it answers 200 to.
        program: What has to be installed beside Python.
        services: What it stores in.
        rate: Requests per second that it may reach, for having enough of them.
        refused: The status of its refusals; None when it verifies nothing.
        options: Set in its environment.
    """

    title: str
    module: str
    stores: bool = False
    program: str = ""
    services: tuple[str, ...] = ()
    sign: Sign = alma_signature
    refused: int | None = 401
    options: Mapping[str, str] | None = None


_WEBHOOK = Server(
    title="Debian's `webhook`, HMAC rule, runs `true`",
    module="webhook",
    program="webhook",
    # It knows hexadecimal signatures only.
    sign=hex_signature,
    # And it calls a wrong one its own error.
    refused=500,
)

SERVERS: Mapping[str, Server] = {
    "almahook": Server(title="**almahook**", module="almahook", stores=True),
    "almahook-receiver": Server(
        title="**almahook**, `serve --no-worker`",
        module="almahook",
        stores=True,
        options={"BENCH_WORKER": "false"},
    ),
    "almahook-2": Server(
        title="**almahook**, `receivers = 2`",
        module="almahook",
        stores=True,
        options={"BENCH_RECEIVERS": "2"},
    ),
    "fastapi-sqlite": Server(
        title="FastAPI + SQLAlchemy + SQLite, commit per request",
        module="fastapi_sqlite",
        stores=True,
    ),
    "fastapi-postgres": Server(
        title="FastAPI + asyncpg + PostgreSQL, insert per request",
        module="fastapi_postgres",
        stores=True,
        services=("postgres",),
    ),
    "webhook": _WEBHOOK,
    "webhook-waits": replace(
        _WEBHOOK, title=f"{_WEBHOOK.title} and waits for it", options={"BENCH_WAIT": "true"}
    ),
    "express": Server(title="Express", module="express", program="node"),
    "node": Server(title="Node, bare http + crypto", module="node", program="node"),
    "njs": Server(title="nginx + njs", module="njs", program="nginx"),
    "constant": Server(
        title="says 200 to everything (how far the generator goes)", module="constant", refused=None
    ),
}
