-- Which ids may be behind level 1, so that a new one need not be looked for in the table:
-- docs/decisions/0042. filter_bits() is that of id_filter.py.
CREATE TABLE id_filter (
    part    INTEGER PRIMARY KEY,
    changed INTEGER NOT NULL,  -- counts the changes: whoever has the parts in memory reads the newer
    bits    BLOB NOT NULL      -- one for each 32 terms
);
CREATE INDEX id_filter_changed ON id_filter (changed);

-- Of a part without an id there are none, and it is ignored.
INSERT OR IGNORE INTO id_filter
WITH RECURSIVE parts (part) AS (
    SELECT 0 WHERE EXISTS (SELECT 1 FROM terms WHERE level > 1)
    UNION ALL SELECT part + 1 FROM parts WHERE part < 4095
)
SELECT part, 1, (
    SELECT filter_bits(json_group_array(term)) FROM terms
    WHERE level IN (SELECT level FROM levels WHERE level > 1)
      AND term BETWEEN part * 524288 - 2147483648 AND part * 524288 - 2147483648 + 524287)
FROM parts;
