"""The servers that are measured, each started as ``python -m bench.servers NAME PORT FOLDER``.

The peers are what people write by hand: a web framework, an ORM and a commit per request, each
configured as its own documentation advises for durability (WAL, synchronous=FULL).
"""

import asyncio
import base64
import hashlib
import hmac
import json
import os
import sys
from collections.abc import Awaitable, Callable, MutableMapping
from pathlib import Path
from typing import Any, cast

import uvicorn

SECRET = "correct horse battery staple"
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]

_TOML = """
inbox = "sqlite:inbox.db"
port = {port}
log_level = "ERROR"
[profiles.main]
secrets = ["env:BENCH_SECRET"]
"""


def serve_almahook(port: int, folder: Path) -> None:
    """Run almahook as it is installed, with its worker and no handlers."""
    (folder / "handlers").mkdir(exist_ok=True)
    (folder / "almahook.toml").write_text(_TOML.format(port=port))
    os.environ["BENCH_SECRET"] = SECRET
    os.chdir(folder)
    command = [sys.executable, "-m", "almahook.cli", "serve"]
    os.execv(sys.executable, command)


def serve_fastapi(port: int, folder: Path) -> None:
    """FastAPI, SQLAlchemy and SQLite: verify, insert, commit, answer."""
    from fastapi import FastAPI, HTTPException, Request
    from sqlalchemy import LargeBinary, create_engine, event
    from sqlalchemy.exc import IntegrityError
    from sqlalchemy.orm import DeclarativeBase, Mapped, Session, mapped_column

    class Base(DeclarativeBase):
        pass

    class Event(Base):
        __tablename__ = "events"
        id: Mapped[str] = mapped_column(primary_key=True)
        action: Mapped[str]
        body: Mapped[bytes] = mapped_column(LargeBinary)

    engine = create_engine(f"sqlite:///{folder}/peer.db")

    @event.listens_for(engine, "connect")
    def durable(connection: Any, _record: object) -> None:
        connection.execute("PRAGMA journal_mode=WAL")
        connection.execute("PRAGMA synchronous=FULL")

    Base.metadata.create_all(engine)
    app = FastAPI()

    @app.post("/webhooks/main")
    async def receive(request: Request) -> dict[str, str]:
        body = await request.body()
        digest = hmac.new(SECRET.encode(), body, hashlib.sha256).digest()
        given = request.headers.get("x-exl-signature", "")
        if not hmac.compare_digest(base64.b64encode(digest).decode(), given):
            raise HTTPException(401)
        message = json.loads(body)
        with Session(engine) as session:
            session.add(Event(id=message["id"], action=message["action"], body=body))
            try:
                session.commit()
            except IntegrityError:
                session.rollback()
        return {"status": "ok"}

    uvicorn.run(app, port=port, log_level="error", access_log=False)


class Constant(asyncio.Protocol):
    """Says 200 to whatever ends a request: the generator's own limit."""

    _REPLY = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        # uvloop's transports are no subclasses of asyncio's.
        self._transport = cast("asyncio.Transport", transport)
        self._left = 0

    def data_received(self, data: bytes) -> None:
        if self._left <= 0:
            head, _, body = data.partition(b"\r\n\r\n")
            length = int(head.lower().partition(b"content-length:")[2].partition(b"\r\n")[0])
            self._left = length - len(body)
        else:
            self._left -= len(data)
        if self._left <= 0:
            self._transport.write(self._REPLY)


def serve_constant(port: int, _folder: Path) -> None:
    """Verify nothing, store nothing."""
    import uvloop

    async def forever() -> None:
        loop = asyncio.get_running_loop()
        server = await loop.create_server(Constant, "127.0.0.1", port)
        await server.serve_forever()

    uvloop.run(forever())


SERVERS: dict[str, Callable[[int, Path], None]] = {
    "almahook": serve_almahook,
    "fastapi": serve_fastapi,
    "constant": serve_constant,
}

if __name__ == "__main__":
    name, port, folder = sys.argv[1:]
    SERVERS[name](int(port), Path(folder))
