-- What an event is found by, its id and its subject, in place of two indexes with random keys of
-- their own: docs/decisions/0023. id_term() and subject_term() are those of terms.py; another text
-- can have the same one, so whoever finds an event by a term compares the text.
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
INSERT INTO terms
SELECT 3, term, seq FROM (
    SELECT id_term(event_id) AS term, seq FROM events INDEXED BY events_key
    UNION ALL
    SELECT subject_term(subject), event_seq FROM subjects
    UNION ALL
    SELECT subject_term(subject), seq FROM events
    WHERE seq > (SELECT dispatched FROM progress) AND subject <> '')
ORDER BY term, seq;

DROP INDEX events_key;
DROP TABLE subjects;
