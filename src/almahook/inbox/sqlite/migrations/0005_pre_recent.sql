-- The terms of the newest events are in the memory of whoever appends, and no longer in a level of
-- the table: docs/decisions/0033. Of the first level only its row is left, which says up to which
-- event all terms are in the table.
INSERT INTO terms SELECT 1, term, event_seq FROM terms WHERE level = 0 ORDER BY term, event_seq;
DELETE FROM terms WHERE level = 0;
UPDATE levels SET gone = newest, going = newest, term = -2147483649, event_seq = 0
FROM (SELECT coalesce(max(seq), 0) AS newest FROM events)
WHERE level = 0 AND gone < newest;
