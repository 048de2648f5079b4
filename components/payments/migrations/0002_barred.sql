-- An order that was called off before its charge came is `barred`: there is no amount, because nobody
-- has said one.
CREATE TABLE charges_of_orders (
    id TEXT PRIMARY KEY,
    order_id TEXT NOT NULL UNIQUE,
    amount BIGINT CHECK (amount >= 0),
    currency TEXT,
    token TEXT,
    last4 TEXT,
    -- `refunding` is shown as refunded: the provider is to be told.
    status TEXT NOT NULL CHECK (status IN (
        'succeeded', 'declined', 'queued', 'refunding', 'refunded', 'cancelled', 'barred'
    )),
    reason TEXT,
    -- Milliseconds since 1970 in UTC.
    created_at BIGINT NOT NULL,
    CHECK (status = 'barred' OR (amount IS NOT NULL AND currency IS NOT NULL))
);

-- What stood for it before was a charge over nothing in no currency.
INSERT INTO charges_of_orders (
    id, order_id, amount, currency, token, last4, status, reason, created_at
)
SELECT
    id, order_id,
    CASE WHEN currency = 'XXX' THEN NULL ELSE amount END,
    CASE WHEN currency = 'XXX' THEN NULL ELSE currency END,
    token, last4,
    CASE WHEN currency = 'XXX' THEN 'barred' ELSE status END,
    reason, created_at
FROM charges;

DROP TABLE charges;

ALTER TABLE charges_of_orders RENAME TO charges;

CREATE INDEX charges_waiting ON charges (created_at, id) WHERE status IN ('queued', 'refunding');
