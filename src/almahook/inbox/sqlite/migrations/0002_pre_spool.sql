-- How far each segment of the spool is collected, in bytes from its start. It is written together
-- with the events, so that none is taken twice.
CREATE TABLE segments (
    name      TEXT PRIMARY KEY,
    collected INTEGER NOT NULL
) WITHOUT ROWID;
