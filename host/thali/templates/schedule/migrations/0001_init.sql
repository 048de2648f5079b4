CREATE TABLE runs (
    -- Milliseconds since 1970 in UTC.
    at_ms BIGINT NOT NULL,
    forgotten BIGINT NOT NULL
);

CREATE INDEX runs_by_time ON runs (at_ms);
