-- Times are milliseconds since 1970 in UTC, money is minor units of the order's currency.
CREATE TABLE orders (
    id TEXT PRIMARY KEY,
    -- The subject of the token that it was placed with.
    owner TEXT NOT NULL,
    -- The request that placed it, when its client gave it a name: sent again, it finds this order.
    idempotency_id TEXT,
    -- The step that is to be done next, or the end.
    state TEXT NOT NULL CHECK (state IN (
        'reserving', 'charging', 'queued', 'confirming', 'confirmed', 'refunding', 'releasing', 'cancelled'
    )),
    by_card BOOLEAN NOT NULL,
    currency TEXT NOT NULL,
    subtotal BIGINT NOT NULL CHECK (subtotal >= 0),
    discount BIGINT NOT NULL CHECK (discount >= 0),
    tax BIGINT NOT NULL CHECK (tax >= 0),
    shipping BIGINT NOT NULL CHECK (shipping >= 0),
    total BIGINT NOT NULL CHECK (total >= 0),
    -- Until when inventory holds the products, at least.
    reserved_until BIGINT NOT NULL,
    -- Why it was called off: a kind, and what there is to say about it.
    failure TEXT,
    failure_detail TEXT,
    failure_available BIGINT,
    created_at BIGINT NOT NULL,
    -- When somebody worked on it last.
    touched_at BIGINT NOT NULL
);

CREATE UNIQUE INDEX orders_by_idempotency_id ON orders (idempotency_id) WHERE idempotency_id IS NOT NULL;
CREATE INDEX orders_of_owner ON orders (owner, created_at, id);

-- What the service goes on with by itself, the one that has waited longest first.
CREATE INDEX orders_underway ON orders (touched_at, id) WHERE state NOT IN ('confirmed', 'cancelled');

CREATE TABLE order_lines (
    order_id TEXT NOT NULL REFERENCES orders (id),
    position BIGINT NOT NULL,
    product_id TEXT NOT NULL,
    quantity BIGINT NOT NULL CHECK (quantity > 0),
    unit_price BIGINT NOT NULL CHECK (unit_price >= 0),
    total BIGINT NOT NULL CHECK (total >= 0),
    PRIMARY KEY (order_id, position)
);
