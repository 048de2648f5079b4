-- Who has gained xp or got a name. The level follows from the xp.
CREATE TABLE players (
    id TEXT PRIMARY KEY,
    username TEXT NOT NULL,
    xp BIGINT NOT NULL CHECK (xp >= 0)
);

-- Which requests gave xp, so that one that is sent again gives none. `xp` is what the player had after it.
CREATE TABLE gains (
    request_id TEXT PRIMARY KEY,
    player_id TEXT NOT NULL,
    amount BIGINT NOT NULL,
    xp BIGINT NOT NULL,
    -- Milliseconds since 1970 in UTC.
    created_at BIGINT NOT NULL
);

CREATE INDEX gains_by_age ON gains (created_at);
