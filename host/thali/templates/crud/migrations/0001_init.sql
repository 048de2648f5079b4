-- The ids begin with the time, so their order is the one that things were added in.
CREATE TABLE items (
    id TEXT PRIMARY KEY,
    title TEXT NOT NULL,
    done BOOLEAN NOT NULL
);
