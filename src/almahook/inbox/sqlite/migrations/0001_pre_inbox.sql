-- Events are never updated. How far they are dispatched is one number (progress.dispatched),
-- and what became of them is told by their runs.

CREATE TABLE events (
    seq          INTEGER PRIMARY KEY AUTOINCREMENT,  -- never reused, so a cursor stays right after a purge
    profile      TEXT NOT NULL,
    action       TEXT NOT NULL,
    event        TEXT NOT NULL,
    event_id     TEXT NOT NULL,
    institution  TEXT NOT NULL,
    time         TEXT NOT NULL,
    subject      TEXT NOT NULL,
    content_type TEXT NOT NULL,
    received_at  REAL NOT NULL,
    secret_index INTEGER NOT NULL,
    body         BLOB NOT NULL
);
CREATE UNIQUE INDEX events_key ON events (event_id, action, event, profile);
CREATE INDEX events_received ON events (received_at);

-- Written when an event is dispatched, to keep an index with a random key out of the append.
CREATE TABLE subjects (
    subject   TEXT NOT NULL,
    event_seq INTEGER NOT NULL,
    PRIMARY KEY (subject, event_seq)
) WITHOUT ROWID;

CREATE TABLE progress (dispatched INTEGER NOT NULL);
INSERT INTO progress VALUES (0);

CREATE TABLE runs (
    id         INTEGER PRIMARY KEY AUTOINCREMENT,  -- never reused, so a lease of a purged run stays stale
    event_seq  INTEGER NOT NULL,
    handler    TEXT NOT NULL,
    number     INTEGER NOT NULL,
    state      TEXT NOT NULL,
    attempts   INTEGER NOT NULL DEFAULT 0,
    due_at     REAL NOT NULL,
    lane       TEXT NOT NULL,
    happened   TEXT NOT NULL,                     -- the event's time: the order within a lane
    token      INTEGER NOT NULL DEFAULT 0,        -- counts the leases; a result needs the newest
    until      REAL NOT NULL DEFAULT 0,
    created_at REAL NOT NULL,
    settled_at REAL,
    reason     TEXT NOT NULL DEFAULT '',
    UNIQUE (event_seq, handler, number)
);
CREATE INDEX runs_due ON runs (handler, due_at, id) WHERE state = 'waiting';
CREATE INDEX runs_leased ON runs (until) WHERE state = 'running';
CREATE INDEX runs_open ON runs (event_seq) WHERE state IN ('waiting', 'running');
CREATE INDEX runs_parked ON runs (event_seq) WHERE state = 'parked';
CREATE INDEX runs_lane ON runs (handler, lane, happened, id)
    WHERE lane <> '' AND state IN ('waiting', 'running');

CREATE TABLE attempts (
    run_id     INTEGER NOT NULL,
    number     INTEGER NOT NULL,
    started_at REAL NOT NULL,
    ended_at   REAL NOT NULL,
    outcome    TEXT NOT NULL,
    error      TEXT NOT NULL,
    traceback  TEXT NOT NULL,
    log        TEXT NOT NULL,                     -- a JSON array of lines
    PRIMARY KEY (run_id, number)
) WITHOUT ROWID;

CREATE TABLE steps (
    run_id INTEGER NOT NULL,
    name   TEXT NOT NULL,
    result BLOB NOT NULL,
    PRIMARY KEY (run_id, name)
) WITHOUT ROWID;

CREATE TABLE rejections (
    id           INTEGER PRIMARY KEY AUTOINCREMENT,
    at           REAL NOT NULL,
    profile      TEXT NOT NULL,
    method       TEXT NOT NULL,
    code         TEXT NOT NULL,
    reason       TEXT NOT NULL,
    status       INTEGER NOT NULL,
    content_type TEXT NOT NULL,
    signature    TEXT NOT NULL,
    size         INTEGER NOT NULL,
    body         BLOB NOT NULL
);
