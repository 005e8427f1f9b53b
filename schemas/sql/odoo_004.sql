-- The producer's tables next to Odoo's, version 4: a component that counts by its own quants although
-- it is a kit. Every bill of materials is read again.
ALTER TABLE stocksync.kit_component ADD COLUMN IF NOT EXISTS own boolean NOT NULL DEFAULT false;
UPDATE stocksync.kit_table SET filled_at = NULL;
