-- When the provider was last asked: who waits longest since then is next.
ALTER TABLE charges ADD COLUMN tried_at BIGINT NOT NULL DEFAULT 0;

DROP INDEX charges_waiting;

CREATE INDEX charges_waiting ON charges (tried_at, created_at, id) WHERE status IN ('queued', 'refunding');
