CREATE TABLE heard (
    delivery TEXT NOT NULL,
    attempt INTEGER NOT NULL,
    key TEXT NOT NULL,
    number INTEGER NOT NULL,
    late_us INTEGER NOT NULL,
    came_us INTEGER NOT NULL
);

CREATE INDEX heard_by_key ON heard (key, came_us);

CREATE TABLE refusing (
    reason TEXT NOT NULL
);
