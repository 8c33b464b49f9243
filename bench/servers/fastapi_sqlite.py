"""FastAPI, SQLAlchemy and SQLite: verify, insert, commit, answer; in WAL mode, synced each time.

The commit is made on the event loop: on two cores that is faster than FastAPI's thread pool.
"""

import json
import sqlite3
from pathlib import Path
from typing import Any

import uvicorn
from fastapi import FastAPI, HTTPException, Request
from sqlalchemy import LargeBinary, create_engine, event
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import DeclarativeBase, Mapped, Session, mapped_column

from bench.servers.signed import is_signed

_FILE = "peer.db"


class Base(DeclarativeBase):
    pass


class Event(Base):
    __tablename__ = "events"
    id: Mapped[str] = mapped_column(primary_key=True)
    action: Mapped[str]
    body: Mapped[bytes] = mapped_column(LargeBinary)


def serve(port: int, folder: Path) -> None:
    """Run it."""
    engine = create_engine(f"sqlite:///{folder / _FILE}")

    @event.listens_for(engine, "connect")
    def durable(connection: Any, _record: object) -> None:
        connection.execute("PRAGMA journal_mode=WAL")
        connection.execute("PRAGMA synchronous=FULL")

    Base.metadata.create_all(engine)
    app = FastAPI()

    @app.post("/webhooks/main")
    async def receive(request: Request) -> dict[str, str]:
        body = await request.body()
        if not is_signed(body, request.headers.get("x-exl-signature", "")):
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


def stored(folder: Path, _services: list[str]) -> tuple[int, int]:
    """Count the events, and the different ids among them."""
    connection = sqlite3.connect(folder / _FILE)
    counted = connection.execute("SELECT count(*), count(DISTINCT id) FROM events").fetchone()
    connection.close()
    return counted[0], counted[1]
