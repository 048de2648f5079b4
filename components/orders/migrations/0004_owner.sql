-- The subject of the token that the order was placed with. Without one, whoever knows its id may see it.
ALTER TABLE orders ADD COLUMN owner TEXT;

CREATE INDEX orders_of_owner ON orders (owner, created_at, id) WHERE owner IS NOT NULL;
