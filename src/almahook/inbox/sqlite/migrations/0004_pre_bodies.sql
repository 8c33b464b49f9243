-- The body of an event that came in a burst stays in the spool until there is time:
-- docs/decisions/0029. Its column in the events is empty then, and it comes to this table.
CREATE TABLE bodies (
    seq  INTEGER PRIMARY KEY,  -- the event's
    body BLOB NOT NULL
);

-- Where the bodies are that are in the spool still: those of events that follow each other are those
-- of a batch that follow each other.
CREATE TABLE spooled (
    first   INTEGER PRIMARY KEY,  -- the event whose body is the first
    number  INTEGER NOT NULL,
    segment TEXT NOT NULL,
    place   INTEGER NOT NULL,     -- where the batch begins, in bytes
    nth     INTEGER NOT NULL      -- which of its events is the first, counted from 0
);
CREATE INDEX spooled_segment ON spooled (segment);
