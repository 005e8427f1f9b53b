-- For an adopted marks table. Its older writers name (product_id, warehouse_id) as conflict target,
-- so the constraint stays. Nothing can violate it, because NULLs are distinct: every insert
-- appends.
CREATE OR REPLACE FUNCTION stocksync.keep_mark() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    NEW.warehouse_hint := COALESCE(NEW.warehouse_id, NEW.warehouse_hint);
    NEW.warehouse_id := NULL;
    RETURN NEW;
END
$$;
