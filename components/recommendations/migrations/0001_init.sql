-- The orders that were learnt from, each once.
CREATE TABLE orders (
    id TEXT PRIMARY KEY
);

CREATE TABLE bought (
    order_id TEXT NOT NULL REFERENCES orders (id),
    product_id TEXT NOT NULL,
    -- The subject of a token.
    user_id TEXT NOT NULL,
    PRIMARY KEY (order_id, product_id)
);

CREATE INDEX bought_by_user ON bought (user_id, product_id);

-- In how many orders two products were bought together. Each pair is there both ways.
CREATE TABLE pairs (
    product_id TEXT NOT NULL,
    other_id TEXT NOT NULL,
    orders BIGINT NOT NULL,
    PRIMARY KEY (product_id, other_id)
);

CREATE INDEX pairs_by_orders ON pairs (product_id, orders, other_id);
