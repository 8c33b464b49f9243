-- append --
-- Made longer for many rows at once: see for_rows().
INSERT INTO events (profile, action, event, event_id, institution, time, subject, content_type,
                    received_at, secret_index, body)
VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)

-- candidates --
-- Which events have one of these terms, by its place: those in level 1 of all, in the levels behind
-- it of those that may be there. One row however many: each step of SQLite gives Python's global
-- lock away and has to win it back from the event loop.
SELECT json_group_array(json_array(place, event_seq)) FROM (
    SELECT key AS place, event_seq FROM json_each(:terms) CROSS JOIN terms
    WHERE level = 1 AND term = value
    UNION ALL
    SELECT value ->> 0, event_seq FROM json_each(:older) CROSS JOIN terms
    WHERE level IN (SELECT level FROM levels WHERE level > 1) AND term = value ->> 1)

-- recent --
-- Up to which event all terms are in the table, and the events behind that one that are new.
SELECT gone, (
    SELECT json_group_array(json_array(seq, subject, profile, action, event, event_id))
    FROM (SELECT * FROM events WHERE seq > max(:newest, gone) ORDER BY seq))
FROM levels WHERE level = 0

-- newest --
SELECT max(seq) FROM events

-- known --
-- Which of these events have the key that is beside them.
SELECT json_group_array(json_array(value ->> 0, seq))
FROM json_each(:rows) CROSS JOIN events
WHERE seq = value ->> 1 AND profile = value ->> 2 AND action = value ->> 3
  AND event = value ->> 4 AND event_id = value ->> 5

-- insert_terms --
INSERT INTO terms (level, term, event_seq) VALUES (1, ?, ?)

-- levels --
-- The last one is not moved on.
SELECT * FROM levels WHERE level < (SELECT max(level) FROM levels) ORDER BY level

-- slice_end --
SELECT term, event_seq FROM terms
WHERE level = :level AND (term, event_seq) > (:term, :event_seq)
ORDER BY term, event_seq LIMIT 1 OFFSET :size - 1

-- copy_slice --
INSERT INTO terms (level, term, event_seq)
SELECT level + 1, term, event_seq FROM terms
WHERE level = :level AND (term, event_seq) > (:term, :event_seq)
  AND (term, event_seq) <= (:until_term, :until_seq) AND event_seq <= :going

-- delete_slice --
DELETE FROM terms
WHERE level = :level AND (term, event_seq) > (:term, :event_seq)
  AND (term, event_seq) <= (:until_term, :until_seq) AND event_seq <= :going

-- slice_ids --
SELECT json_group_array(term) FROM terms
WHERE level = :level AND (term, event_seq) > (:term, :event_seq)
  AND (term, event_seq) <= (:until_term, :until_seq) AND event_seq <= :going AND term < 0

-- filter_changes --
SELECT part, changed, bits FROM id_filter WHERE changed > :read ORDER BY changed

-- filter_part --
SELECT bits FROM id_filter WHERE part = :part

-- set_filter_part --
INSERT INTO id_filter (part, changed, bits)
VALUES (:part, 1 + (SELECT coalesce(max(changed), 0) FROM id_filter), :bits)
ON CONFLICT (part) DO UPDATE SET changed = excluded.changed, bits = excluded.bits

-- unused_bits --
-- Which of these bits, with the first and the last term of each, stand for no id behind level 1.
SELECT json_group_array(value ->> 0) FROM json_each(:bits)
WHERE NOT EXISTS (
    SELECT 1 FROM terms
    WHERE level IN (SELECT level FROM levels WHERE level > 1)
      AND term BETWEEN value ->> 1 AND value ->> 2)

-- set_level --
UPDATE levels SET gone = :gone, going = :going, term = :term, event_seq = :event_seq
WHERE level = :level

-- set_dispatched --
UPDATE progress SET dispatched = :seq

-- dispatched --
SELECT dispatched FROM progress

-- undispatched --
SELECT * FROM events WHERE seq > :dispatched ORDER BY seq LIMIT :limit

-- assigned --
-- Which of these events have a first run of this handler already, in one row.
SELECT json_group_array(event_seq) FROM runs
WHERE event_seq IN (SELECT value FROM json_each(:seqs)) AND handler = :handler AND number = 1

-- insert_runs --
INSERT OR IGNORE INTO runs (event_seq, handler, number, state, due_at, lane, happened, created_at)
SELECT value ->> 0, value ->> 1, value ->> 2, value ->> 3, value ->> 4, value ->> 5, value ->> 6,
       value ->> 7
FROM json_each(:rows)

-- waiting_in_lane --
SELECT id, due_at, happened FROM runs
WHERE handler = :handler AND lane = :lane AND lane <> '' AND state = 'waiting'
ORDER BY happened DESC, id DESC

-- supersede --
UPDATE runs SET state = 'superseded', settled_at = :now, reason = :reason
WHERE id IN (SELECT value FROM json_each(:ids)) AND state = 'waiting'

-- lease --
-- Take the runs of one handler that have been due longest. In a lane nobody overtakes, and nobody
-- starts while another runs.
UPDATE runs SET state = 'running', token = token + 1, attempts = attempts + 1, until = :until
WHERE id IN (
    SELECT r.id FROM runs AS r
    WHERE r.handler = :handler AND r.state = 'waiting' AND r.due_at <= :now
      AND (r.lane = '' OR NOT EXISTS (
          SELECT 1 FROM runs AS o
          WHERE o.handler = r.handler AND o.lane = r.lane AND o.lane <> ''
            AND o.state IN ('waiting', 'running')
            AND (o.state = 'running' OR (o.happened, o.id) < (r.happened, r.id))))
    ORDER BY r.due_at, r.id LIMIT :slots)
RETURNING id

-- lease_run --
-- Take one run that nobody holds and that has not succeeded, if it is its turn in its lane; with
-- :due, one that is parked or due later is left as it is.
UPDATE runs AS r SET state = 'running', token = token + 1, attempts = attempts + 1, until = :until
WHERE id = :id
  AND (state IN ('waiting', 'parked') OR (state = 'running' AND until < :now))
  AND NOT (:due AND (state = 'parked' OR (state = 'waiting' AND due_at > :now)))
  AND (lane = '' OR NOT EXISTS (
      SELECT 1 FROM runs AS o
      WHERE o.handler = r.handler AND o.lane = r.lane AND o.lane <> '' AND o.id <> r.id
        AND o.state IN ('waiting', 'running')
        AND (o.state = 'running' OR (o.happened, o.id) < (r.happened, r.id))))

-- take_expired --
UPDATE runs SET token = token + 1, until = :until
WHERE state = 'running' AND until < :now
RETURNING id

-- leased --
SELECT e.*, r.id AS run_id, r.token, r.handler, r.number, r.attempts, r.until
FROM runs AS r JOIN events AS e ON e.seq = r.event_seq
WHERE r.id IN (SELECT value FROM json_each(:ids))
ORDER BY r.due_at, r.id

-- renew --
UPDATE runs SET until = :until
FROM (SELECT value ->> 0 AS id, value ->> 1 AS token FROM json_each(:rows)) AS held
WHERE runs.id = held.id AND runs.token = held.token AND runs.state = 'running'

-- release --
UPDATE runs SET state = 'waiting', attempts = attempts - 1
FROM (SELECT value ->> 0 AS id, value ->> 1 AS token FROM json_each(:rows)) AS held
WHERE runs.id = held.id AND runs.token = held.token AND runs.state = 'running'

-- settle --
UPDATE runs SET state = s.state, settled_at = s.settled_at, reason = s.reason,
                due_at = CASE s.state WHEN 'waiting' THEN s.due_at ELSE runs.due_at END
FROM (SELECT value ->> 0 AS id, value ->> 1 AS token, value ->> 2 AS state, value ->> 3 AS due_at,
             value ->> 4 AS settled_at, value ->> 5 AS reason FROM json_each(:rows)) AS s
WHERE runs.id = s.id AND runs.token = s.token AND runs.state = 'running'

-- owned --
-- Which of these leases are still the caller's, by their place and each once, in one row.
SELECT json_group_array(place) FROM (
    SELECT min(j.key) AS place
    FROM json_each(:rows) AS j JOIN runs AS r ON r.id = j.value ->> 0
    WHERE r.token = j.value ->> 1 AND r.state = 'running'
    GROUP BY r.id)

-- insert_attempts --
INSERT OR REPLACE INTO attempts (run_id, number, started_at, ended_at, outcome, error, traceback, log)
SELECT value ->> 0, value ->> 1, value ->> 2, value ->> 3, value ->> 4, value ->> 5, value ->> 6,
       value ->> 7
FROM json_each(:rows)

-- load_step --
SELECT result FROM steps WHERE run_id = :run_id AND name = :name

-- save_step --
INSERT OR REPLACE INTO steps (run_id, name, result)
SELECT :run_id, :name, :result FROM runs
WHERE id = :run_id AND token = :token AND state = 'running'

-- save_stale_step --
-- Whoever has the run now may not have come to this step yet; if he has, his result counts.
INSERT OR IGNORE INTO steps (run_id, name, result)
SELECT :run_id, :name, :result FROM runs WHERE id = :run_id

-- newest_runs --
SELECT r.* FROM runs AS r
WHERE r.event_seq = :seq
  AND r.number = (SELECT max(n.number) FROM runs AS n
                  WHERE n.event_seq = r.event_seq AND n.handler = r.handler)
ORDER BY r.id

-- cancel --
UPDATE runs SET state = 'cancelled', settled_at = :now, reason = :reason, token = token + 1
WHERE id = :id AND state IN ('waiting', 'running')

-- copy_steps --
INSERT INTO steps (run_id, name, result)
SELECT :new, name, result FROM steps WHERE run_id = :old

-- run_of --
SELECT id FROM runs WHERE event_seq = :seq AND handler = :handler AND number = :number

-- event --
SELECT * FROM events WHERE seq = :seq

-- runs_of --
SELECT * FROM runs WHERE event_seq IN (SELECT value FROM json_each(:seqs)) ORDER BY id

-- attempts_of --
SELECT * FROM attempts WHERE run_id = :run_id ORDER BY number

-- insert_rejection --
INSERT INTO rejections (at, profile, method, code, reason, status, content_type, signature, size, body)
VALUES (:at, :profile, :method, :code, :reason, :status, :content_type, :signature, :size, :body)

-- trim_rejections --
DELETE FROM rejections WHERE id <= (SELECT max(id) FROM rejections) - :kept

-- rejections --
SELECT * FROM rejections
WHERE id < :before AND (:profile = '' OR profile = :profile)
ORDER BY id DESC LIMIT :limit

-- forget_rejections --
DELETE FROM rejections WHERE id IN (SELECT value FROM json_each(:ids))

-- backlog --
SELECT (SELECT count(*) FROM events WHERE seq > (SELECT dispatched FROM progress)) AS pending,
       (SELECT received_at FROM events
        WHERE seq > (SELECT dispatched FROM progress) ORDER BY seq LIMIT 1) AS oldest_pending,
       (SELECT received_at FROM events WHERE seq = (
            SELECT min(event_seq) FROM runs WHERE state IN ('waiting', 'running'))) AS oldest_open,
       (SELECT count(*) FROM runs WHERE state = 'waiting') AS waiting,
       (SELECT count(*) FROM runs WHERE state = 'running') AS running,
       (SELECT count(*) FROM runs AS r WHERE state = 'parked'
        AND NOT EXISTS (SELECT 1 FROM runs AS n WHERE n.event_seq = r.event_seq
                        AND n.handler = r.handler AND n.number > r.number)) AS parked

-- tally --
SELECT state, count(*) AS n FROM runs GROUP BY state

-- purgeable --
-- What is not finished is kept however old it is.
SELECT json_group_array(seq) FROM (
    SELECT seq FROM events INDEXED BY events_received
    WHERE received_at < :before AND seq <= (SELECT dispatched FROM progress)
      AND NOT EXISTS (SELECT 1 FROM runs
                      WHERE event_seq = seq AND state IN ('waiting', 'running'))
    ORDER BY received_at LIMIT :limit)

-- first_spooled --
SELECT min(first) FROM spooled

-- purge_bodies --
DELETE FROM bodies WHERE seq IN (SELECT value FROM json_each(:seqs))

-- purge_steps --
DELETE FROM steps WHERE run_id IN (
    SELECT id FROM runs WHERE event_seq IN (SELECT value FROM json_each(:seqs)))

-- purge_attempts --
DELETE FROM attempts WHERE run_id IN (
    SELECT id FROM runs WHERE event_seq IN (SELECT value FROM json_each(:seqs)))

-- purge_runs --
DELETE FROM runs WHERE event_seq IN (SELECT value FROM json_each(:seqs))

-- texts_of --
SELECT json_group_array(json_array(seq, event_id, subject)) FROM events
WHERE seq IN (SELECT value FROM json_each(:seqs))

-- purge_terms --
DELETE FROM terms WHERE (level, term, event_seq) IN (
    SELECT level, value ->> 0, value ->> 1 FROM levels, json_each(:rows))

-- purge_events --
DELETE FROM events WHERE seq IN (SELECT value FROM json_each(:seqs))

-- purge_rejections --
DELETE FROM rejections WHERE id IN (SELECT id FROM rejections WHERE at < :before LIMIT :limit)

-- insert_spooled --
INSERT INTO spooled (first, number, segment, place, nth)
VALUES (?, ?, ?, ?, ?)

-- oldest_spooled --
SELECT first, number, segment, place, nth FROM spooled ORDER BY first LIMIT :limit

-- forget_spooled --
DELETE FROM spooled WHERE first = :first

-- is_needed --
SELECT EXISTS (SELECT 1 FROM spooled WHERE segment = :segment)

-- spooled --
-- In which batches, and where in these, the bodies of events are.
SELECT value AS seq, nth + value - first AS nth, segment, place
FROM json_each(:seqs) CROSS JOIN spooled
WHERE first = (SELECT max(first) FROM spooled WHERE first <= value) AND value < first + number
ORDER BY value

-- insert_bodies --
INSERT INTO bodies (seq, body)
VALUES (?, ?)

-- bodies --
SELECT seq, body FROM bodies WHERE seq IN (SELECT value FROM json_each(:seqs))

-- segments --
SELECT json_group_object(name, collected) FROM segments

-- collected --
SELECT collected FROM segments WHERE name = :name

-- set_collected --
INSERT INTO segments (name, collected) VALUES (:name, :collected)
ON CONFLICT (name) DO UPDATE SET collected = excluded.collected

-- forget_segment --
DELETE FROM segments WHERE name = :name
