CREATE TABLE words (
    word TEXT PRIMARY KEY,
    times BIGINT NOT NULL CHECK (times > 0)
);

-- The deliveries that were counted: an event may come twice.
CREATE TABLE deliveries (id TEXT PRIMARY KEY);
