-- How much there is of a product. That nothing is sold that is not there holds whatever the service does.
CREATE TABLE levels (
    product_id TEXT PRIMARY KEY,
    stock BIGINT NOT NULL CHECK (stock >= 0),
    -- The sum of the lines of reservations that are held.
    reserved BIGINT NOT NULL DEFAULT 0 CHECK (reserved >= 0),
    CHECK (reserved <= stock)
);

CREATE TABLE reservations (
    key TEXT PRIMARY KEY,
    status TEXT NOT NULL CHECK (status IN ('held', 'confirmed', 'released', 'expired')),
    -- Milliseconds since 1970 in UTC.
    expires_at BIGINT NOT NULL,
    ended_at BIGINT,
    CHECK ((status = 'held') = (ended_at IS NULL))
);

-- What is given back when its time is over, and what is forgotten in the end.
CREATE INDEX reservations_held ON reservations (expires_at, key) WHERE status = 'held';
CREATE INDEX reservations_ended ON reservations (ended_at, key) WHERE ended_at IS NOT NULL;

CREATE TABLE reservation_lines (
    key TEXT NOT NULL REFERENCES reservations (key) ON DELETE CASCADE,
    product_id TEXT NOT NULL,
    quantity BIGINT NOT NULL CHECK (quantity > 0),
    PRIMARY KEY (key, product_id)
);
