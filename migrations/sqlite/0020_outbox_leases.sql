-- The email worker that is sending an email, and until when no other one may. Before, a worker moved
-- due_at on, so an email that was not tried after all lost its place.
ALTER TABLE outbox ADD COLUMN leased_by TEXT;
ALTER TABLE outbox ADD COLUMN leased_until TEXT;

CREATE INDEX outbox_leased_by ON outbox (leased_by) WHERE leased_by IS NOT NULL;
