-- The producer's tables next to Odoo's, version 4: a component that counts by its own quants although
-- it is a kit. Every bill of materials is read again.
ALTER TABLE stocksync.kit_component ADD COLUMN IF NOT EXISTS own boolean NOT NULL DEFAULT false;
UPDATE stocksync.kit_table SET filled_at = NULL;

-- The newest record whose marks are deleted. A database that forgot it is older than what was published.
CREATE TABLE IF NOT EXISTS stocksync.settled (
    only_row boolean PRIMARY KEY DEFAULT true CHECK (only_row),
    revision bigint NOT NULL DEFAULT 0
);
INSERT INTO stocksync.settled DEFAULT VALUES ON CONFLICT DO NOTHING;

-- Changes passed without a mark: a full pass that begins later is needed. NULL: none, or it is finished.
ALTER TABLE stocksync.full_pass ADD COLUMN IF NOT EXISTS wanted_at timestamptz;
