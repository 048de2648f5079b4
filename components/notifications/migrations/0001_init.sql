CREATE TABLE notifications (
    id TEXT PRIMARY KEY,
    channel TEXT NOT NULL CHECK (channel IN ('sms', 'email')),
    recipient TEXT NOT NULL,
    message TEXT NOT NULL,
    subject TEXT,
    status TEXT NOT NULL CHECK (status IN ('queued', 'sent', 'failed')),
    attempts BIGINT NOT NULL,
    -- Milliseconds since 1970 in UTC.
    created_at BIGINT NOT NULL,
    sent_at BIGINT
);

CREATE INDEX notifications_by_recipient ON notifications (recipient, created_at, id);
