"""FastAPI, asyncpg with a pool, and PostgreSQL: verify, insert, answer."""

import asyncio
import json
import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import asyncpg
import uvicorn
from fastapi import FastAPI, HTTPException, Request

from bench.servers.signed import is_signed

_TABLE = """
CREATE TABLE IF NOT EXISTS events (id text PRIMARY KEY, action text NOT NULL, body bytea NOT NULL)
"""
_INSERT = "INSERT INTO events (id, action, body) VALUES ($1, $2, $3) ON CONFLICT DO NOTHING"


def serve(port: int, _folder: Path) -> None:
    """Run it."""
    url = os.environ["BENCH_POSTGRES"]

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        async with asyncpg.create_pool(url) as pool:
            await pool.execute(_TABLE)
            app.state.pool = pool
            yield

    app = FastAPI(lifespan=lifespan)

    @app.post("/webhooks/main")
    async def receive(request: Request) -> dict[str, str]:
        body = await request.body()
        if not is_signed(body, request.headers.get("x-exl-signature", "")):
            raise HTTPException(401)
        message = json.loads(body)
        await request.app.state.pool.execute(_INSERT, message["id"], message["action"], body)
        return {"status": "ok"}

    uvicorn.run(app, port=port, log_level="error", access_log=False)


def stored(_folder: Path, services: list[str]) -> tuple[int, int]:
    """Count the events, and the different ids among them."""

    async def count() -> tuple[int, int]:
        connection = await asyncpg.connect(services[0])
        row = await connection.fetchrow("SELECT count(*), count(DISTINCT id) FROM events")
        await connection.close()
        return row[0], row[1]

    return asyncio.run(count())
