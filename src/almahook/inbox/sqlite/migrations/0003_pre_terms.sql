-- What an event is found by, its id and its subject, in place of two indexes with random keys of
-- their own: docs/decisions/0023. term() is terms.term of Python; a term can be that of another
-- text as well, so whoever finds an event by one compares the text.
CREATE TABLE terms (
    level     INTEGER NOT NULL,
    term      INTEGER NOT NULL,
    event_seq INTEGER NOT NULL,
    PRIMARY KEY (level, term, event_seq)
) WITHOUT ROWID;

-- How far each level has been emptied into the next. The last one keeps what it has.
CREATE TABLE levels (
    level     INTEGER PRIMARY KEY,
    gone      INTEGER NOT NULL,  -- the newest event whose terms have all left this level
    going     INTEGER NOT NULL,  -- up to this event they are leaving; as gone when none are
    term      INTEGER NOT NULL,  -- the last that was moved, with its event
    event_seq INTEGER NOT NULL
);
INSERT INTO levels
SELECT value, newest, newest, -2147483649, 0
FROM json_each('[0, 1, 2, 3]'), (SELECT coalesce(max(seq), 0) AS newest FROM events);

-- The event's own index and table are read for it, which hold no bodies.
-- Two texts of one event may have one term.
INSERT OR IGNORE INTO terms
SELECT 3, term, seq FROM (
    SELECT term(event_id) AS term, seq FROM events INDEXED BY events_key
    UNION ALL
    SELECT term(subject), event_seq FROM subjects
    UNION ALL
    SELECT term(subject), seq FROM events
    WHERE seq > (SELECT dispatched FROM progress) AND subject <> '')
ORDER BY term, seq;

DROP INDEX events_key;
DROP TABLE subjects;
