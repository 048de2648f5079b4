-- Whom to tell about an order.
CREATE TABLE contacts (
    order_id TEXT PRIMARY KEY,
    restaurant TEXT NOT NULL,
    phone TEXT NOT NULL,
    email TEXT,
    -- Milliseconds since 1970 in UTC.
    created_at BIGINT NOT NULL
);

CREATE INDEX contacts_by_age ON contacts (created_at);

-- Messages that wait for their provider.
CREATE INDEX notifications_queued ON notifications (created_at) WHERE status = 'queued';
