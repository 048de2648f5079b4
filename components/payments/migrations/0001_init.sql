-- One charge for an order. Of a card only the last four digits and a token are kept.
CREATE TABLE charges (
    id TEXT PRIMARY KEY,
    order_id TEXT NOT NULL UNIQUE,
    amount BIGINT NOT NULL CHECK (amount >= 0),
    currency TEXT NOT NULL,
    token TEXT,
    last4 TEXT,
    -- `refunding` is shown as refunded: the provider is to be told.
    status TEXT NOT NULL CHECK (status IN (
        'succeeded', 'declined', 'queued', 'refunding', 'refunded', 'cancelled'
    )),
    reason TEXT,
    -- Milliseconds since 1970 in UTC.
    created_at BIGINT NOT NULL
);

-- What the service goes on with by itself, the oldest first.
CREATE INDEX charges_waiting ON charges (created_at, id) WHERE status IN ('queued', 'refunding');
