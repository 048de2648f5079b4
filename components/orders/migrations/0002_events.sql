-- The request that placed the order, when its client gave it a name: sent again, it finds this order.
ALTER TABLE orders ADD COLUMN idempotency_id TEXT;

-- Since when the order is being called off, in milliseconds since 1970 in UTC. Its driver is asked
-- meanwhile.
ALTER TABLE orders ADD COLUMN cancelling_at BIGINT;

-- The delivery of the driver's last move, so that it is passed on once.
ALTER TABLE orders ADD COLUMN moved_by TEXT;

CREATE UNIQUE INDEX orders_by_idempotency_id ON orders (idempotency_id)
    WHERE idempotency_id IS NOT NULL;

-- What the service goes on with by itself, the oldest first.
CREATE INDEX orders_placed ON orders (created_at, id) WHERE status = 'placed';
CREATE INDEX orders_queued ON orders (created_at, id) WHERE status = 'queued';
CREATE INDEX orders_cancelling ON orders (cancelling_at) WHERE cancelling_at IS NOT NULL;
