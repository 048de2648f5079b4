CREATE TABLE entries (
    player_id TEXT PRIMARY KEY,
    username TEXT NOT NULL,
    score BIGINT NOT NULL CHECK (score BETWEEN 0 AND 18014398509481983),
    -- The score before this one: what the statement that replaces it returns.
    previous BIGINT,
    -- Milliseconds since 1970 in UTC.
    updated_at BIGINT NOT NULL
);

CREATE INDEX entries_by_score ON entries (score, player_id);

-- How many players have which scores: on level 0 exactly `bucket`, on level 1 one of the 64 that begin
-- with 64 * bucket, on level 2 one of 64 * 64, and so on. See counts.rs.
CREATE TABLE counts (
    level BIGINT NOT NULL,
    bucket BIGINT NOT NULL,
    players BIGINT NOT NULL CHECK (players >= 0),
    PRIMARY KEY (level, bucket)
);
