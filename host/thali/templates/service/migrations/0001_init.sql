CREATE TABLE notes (
    id TEXT PRIMARY KEY,
    text TEXT NOT NULL,
    -- Milliseconds since 1970 in UTC.
    added_ms BIGINT NOT NULL
);

CREATE INDEX notes_by_time ON notes (added_ms, id);
