-- Trigger functions, which run inside Odoo's transactions.
--
-- They run as invoker and qualify every name. They compare old and new rows in the body, because
-- WHEN and UPDATE OF would block an upgrade of Odoo. They compare stock_quant's columns directly,
-- because Odoo writes it most, and others through to_jsonb, which survives a dropped column. They
-- only append marks: they lock, update and look up nothing that could conflict.
--
-- cause  0 stock
--        1 product   how it is sold; its components are read again
--        2 bom       its components; every kit that contains it is read again
--        3 parent
--        4 backfill
--        5 part      a kit to read again because of cause 2
-- See producer/odoo/marks.h.

-- A change of stock in one Odoo location, warehouse or not. UPDATE, which Odoo sends most, has a
-- separate function: it need not ask for the event, and makes one INSERT into the cheapest possible
-- table (odoo_marks.sql). PL/pgSQL prepares an expression again in every transaction that reaches
-- it, so the column that changes most is compared alone and first. A change from NULL to 0 leaves a
-- mark too: that is harmless and cheaper than a comparison.
CREATE OR REPLACE FUNCTION stocksync.mark_quant_update() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF NEW.quantity IS DISTINCT FROM OLD.quantity THEN
        NULL;
    ELSIF NEW.reserved_quantity IS DISTINCT FROM OLD.reserved_quantity THEN
        NULL;
    ELSIF NEW.location_id = OLD.location_id AND NEW.product_id = OLD.product_id THEN
        RETURN NULL;
    END IF;
    INSERT INTO public.stock_availability_dirty_shopify_quant (product_id) VALUES (NEW.product_id);
    IF NEW.product_id <> OLD.product_id THEN
        INSERT INTO public.stock_availability_dirty_shopify_quant (product_id) VALUES (OLD.product_id);
    END IF;
    RETURN NULL;
END
$$;

-- An older trigger calls this for an UPDATE too, until install has replaced it: that is another step.
CREATE OR REPLACE FUNCTION stocksync.mark_quant() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP = 'INSERT' THEN
        IF COALESCE(NEW.quantity, 0) <> 0 OR COALESCE(NEW.reserved_quantity, 0) <> 0 THEN
            INSERT INTO public.stock_availability_dirty_shopify_quant (product_id) VALUES (NEW.product_id);
        END IF;
    ELSIF TG_OP = 'UPDATE' OR COALESCE(OLD.quantity, 0) <> 0 OR COALESCE(OLD.reserved_quantity, 0) <> 0 THEN
        INSERT INTO public.stock_availability_dirty_shopify_quant (product_id) VALUES (OLD.product_id);
    END IF;
    RETURN NULL;
END
$$;

-- A variant. Its deletion ends in a tombstone. Its template and attribute values decide which lines
-- of a kit apply to it. Whether it is archived decides how kits that contain it are opened.
CREATE OR REPLACE FUNCTION stocksync.mark_product() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    o jsonb;
    n jsonb;
BEGIN
    IF TG_OP = 'UPDATE' THEN
        o := to_jsonb(OLD);
        n := to_jsonb(NEW);
        IF o -> 'product_tmpl_id' IS DISTINCT FROM n -> 'product_tmpl_id'
           OR o -> 'combination_indices' IS DISTINCT FROM n -> 'combination_indices'
           OR o -> 'active' IS DISTINCT FROM n -> 'active' THEN
            INSERT INTO public.stock_availability_dirty_shopify (product_id, cause) VALUES (NEW.id, 2);
            RETURN NULL;
        END IF;
        IF o -> 'default_code' IS NOT DISTINCT FROM n -> 'default_code'
           AND o -> 'barcode' IS NOT DISTINCT FROM n -> 'barcode'
           AND o -> 'shopify_product' IS NOT DISTINCT FROM n -> 'shopify_product' THEN
            RETURN NULL;
        END IF;
    END IF;
    IF TG_OP = 'DELETE' THEN
        INSERT INTO public.stock_availability_dirty_shopify (product_id, cause) VALUES (OLD.id, 1);
    ELSE
        INSERT INTO public.stock_availability_dirty_shopify (product_id, cause) VALUES (NEW.id, 1);
    END IF;
    RETURN NULL;
END
$$;

-- A template: marks all its variants. The variants' trigger covers new and deleted templates. Only
-- whether it has a priority decides between bills of materials (rows older than the column have
-- none).
CREATE OR REPLACE FUNCTION stocksync.mark_template() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    o jsonb := to_jsonb(OLD);
    n jsonb := to_jsonb(NEW);
    structure boolean := o -> 'type' IS DISTINCT FROM n -> 'type'
       OR o -> 'is_storable' IS DISTINCT FROM n -> 'is_storable'
       OR o -> 'uom_id' IS DISTINCT FROM n -> 'uom_id'
       OR (o ->> 'priority' IS NULL) <> (n ->> 'priority' IS NULL);
BEGIN
    IF structure
       OR o -> 'active' IS DISTINCT FROM n -> 'active'
       OR o -> 'company_id' IS DISTINCT FROM n -> 'company_id'
       OR o -> 'shopify_product' IS DISTINCT FROM n -> 'shopify_product' THEN
        INSERT INTO public.stock_availability_dirty_shopify (product_id, cause)
        SELECT p.id, CASE WHEN structure THEN 2 ELSE 1 END
        FROM public.product_product p WHERE p.product_tmpl_id = NEW.id;
    END IF;
    RETURN NULL;
END
$$;

-- A unit of measure: marks the variants that are counted in it. Rare.
CREATE OR REPLACE FUNCTION stocksync.mark_uom() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    o jsonb := to_jsonb(OLD);
    n jsonb := to_jsonb(NEW);
BEGIN
    IF o -> 'factor' IS DISTINCT FROM n -> 'factor'
       OR o -> 'rounding' IS DISTINCT FROM n -> 'rounding'
       OR o -> 'category_id' IS DISTINCT FROM n -> 'category_id' THEN
        INSERT INTO public.stock_availability_dirty_shopify (product_id, cause)
        SELECT p.id, 2
        FROM public.product_template t JOIN public.product_product p ON p.product_tmpl_id = t.id
        WHERE t.uom_id = NEW.id;
    END IF;
    RETURN NULL;
END
$$;

-- A unit of measure: marks the kits whose bill of materials uses it. Needs the module mrp.
CREATE OR REPLACE FUNCTION stocksync.mark_uom_kits() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    o jsonb := to_jsonb(OLD);
    n jsonb := to_jsonb(NEW);
BEGIN
    IF o -> 'factor' IS DISTINCT FROM n -> 'factor'
       OR o -> 'rounding' IS DISTINCT FROM n -> 'rounding'
       OR o -> 'category_id' IS DISTINCT FROM n -> 'category_id' THEN
        INSERT INTO public.stock_availability_dirty_shopify (product_id, cause)
        SELECT COALESCE(b.product_id, p.id), 2
        FROM public.mrp_bom b
        LEFT JOIN public.product_product p ON b.product_id IS NULL AND p.product_tmpl_id = b.product_tmpl_id
        WHERE b.type = 'phantom' AND b.active AND COALESCE(b.product_id, p.id) IS NOT NULL
          AND (b.product_uom_id = NEW.id
               OR EXISTS (SELECT FROM public.mrp_bom_line l WHERE l.bom_id = b.id AND l.product_uom_id = NEW.id));
    END IF;
    RETURN NULL;
END
$$;

-- A bill of materials that was or is a kit's: marks the variants of the old and the new kit.
CREATE OR REPLACE FUNCTION stocksync.mark_bom() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    o jsonb;
    n jsonb;
BEGIN
    IF TG_OP <> 'INSERT' THEN
        o := to_jsonb(OLD);
    END IF;
    IF TG_OP <> 'DELETE' THEN
        n := to_jsonb(NEW);
    END IF;
    IF o ->> 'type' IS DISTINCT FROM 'phantom' AND n ->> 'type' IS DISTINCT FROM 'phantom' THEN
        RETURN NULL;
    END IF;
    IF o -> 'type' IS DISTINCT FROM n -> 'type'
       OR o -> 'active' IS DISTINCT FROM n -> 'active'
       OR o -> 'product_id' IS DISTINCT FROM n -> 'product_id'
       OR o -> 'product_tmpl_id' IS DISTINCT FROM n -> 'product_tmpl_id'
       OR o -> 'product_qty' IS DISTINCT FROM n -> 'product_qty'
       OR o -> 'product_uom_id' IS DISTINCT FROM n -> 'product_uom_id'
       OR o -> 'sequence' IS DISTINCT FROM n -> 'sequence'
       OR o -> 'company_id' IS DISTINCT FROM n -> 'company_id'
       OR o -> 'picking_type_id' IS DISTINCT FROM n -> 'picking_type_id' THEN
        INSERT INTO public.stock_availability_dirty_shopify (product_id, cause)
        SELECT p.id, 2 FROM public.product_product p
        WHERE p.id IN ((o ->> 'product_id')::integer, (n ->> 'product_id')::integer)
        UNION
        SELECT p.id, 2 FROM public.product_product p
        WHERE p.product_tmpl_id IN (
            CASE WHEN o ->> 'product_id' IS NULL THEN (o ->> 'product_tmpl_id')::integer END,
            CASE WHEN n ->> 'product_id' IS NULL THEN (n ->> 'product_tmpl_id')::integer END);
    END IF;
    RETURN NULL;
END
$$;

-- A line of a kit's bill of materials: marks that kit's variants. The bill's trigger covers the
-- deletion of a whole bill.
CREATE OR REPLACE FUNCTION stocksync.mark_bom_line() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    o jsonb;
    n jsonb;
BEGIN
    IF TG_OP <> 'INSERT' THEN
        o := to_jsonb(OLD);
    END IF;
    IF TG_OP <> 'DELETE' THEN
        n := to_jsonb(NEW);
    END IF;
    IF o -> 'product_id' IS DISTINCT FROM n -> 'product_id'
       OR o -> 'product_qty' IS DISTINCT FROM n -> 'product_qty'
       OR o -> 'product_uom_id' IS DISTINCT FROM n -> 'product_uom_id'
       OR o -> 'bom_id' IS DISTINCT FROM n -> 'bom_id'
       OR o -> 'sequence' IS DISTINCT FROM n -> 'sequence' THEN
        INSERT INTO public.stock_availability_dirty_shopify (product_id, cause)
        SELECT COALESCE(b.product_id, p.id), 2
        FROM public.mrp_bom b
        LEFT JOIN public.product_product p ON b.product_id IS NULL AND p.product_tmpl_id = b.product_tmpl_id
        WHERE b.id IN ((o ->> 'bom_id')::integer, (n ->> 'bom_id')::integer)
          AND b.type = 'phantom' AND b.active AND COALESCE(b.product_id, p.id) IS NOT NULL;
    END IF;
    RETURN NULL;
END
$$;

-- "Apply on variants" of a line: marks the kit's variants.
CREATE OR REPLACE FUNCTION stocksync.mark_bom_filter() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    o jsonb;
    n jsonb;
BEGIN
    IF TG_OP <> 'INSERT' THEN
        o := to_jsonb(OLD);
    END IF;
    IF TG_OP <> 'DELETE' THEN
        n := to_jsonb(NEW);
    END IF;
    INSERT INTO public.stock_availability_dirty_shopify (product_id, cause)
    SELECT COALESCE(b.product_id, p.id), 2
    FROM public.mrp_bom_line l
    JOIN public.mrp_bom b ON b.id = l.bom_id
    LEFT JOIN public.product_product p ON b.product_id IS NULL AND p.product_tmpl_id = b.product_tmpl_id
    WHERE l.id IN ((o ->> 'mrp_bom_line_id')::integer, (n ->> 'mrp_bom_line_id')::integer)
      AND b.type = 'phantom' AND b.active AND COALESCE(b.product_id, p.id) IS NOT NULL;
    RETURN NULL;
END
$$;

-- An attribute line that gets or loses its choice: marks the template's variants. Without a choice,
-- its values do not count for "apply on variants".
CREATE OR REPLACE FUNCTION stocksync.mark_attribute_line() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    o jsonb := to_jsonb(OLD);
    n jsonb := to_jsonb(NEW);
BEGIN
    IF (COALESCE((o ->> 'value_count')::integer, 0) > 1) <> (COALESCE((n ->> 'value_count')::integer, 0) > 1) THEN
        INSERT INTO public.stock_availability_dirty_shopify (product_id, cause)
        SELECT p.id, 2 FROM public.product_product p WHERE p.product_tmpl_id = NEW.product_tmpl_id;
    END IF;
    RETURN NULL;
END
$$;

-- A child of a commingled product, whose stock is the sum of its children's: marks the product.
-- Needs the table product_commingled.
CREATE OR REPLACE FUNCTION stocksync.mark_commingled() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP <> 'INSERT' THEN
        INSERT INTO public.stock_availability_dirty_shopify (product_id, cause) VALUES (OLD.parent_product_id, 2);
    END IF;
    IF TG_OP <> 'DELETE' THEN
        INSERT INTO public.stock_availability_dirty_shopify (product_id, cause) VALUES (NEW.parent_product_id, 2);
    END IF;
    RETURN NULL;
END
$$;

-- An Odoo location that moves: marks the products of its quants. Odoo rewrites parent_path of every
-- location below it, so the trigger also runs for each of those.
CREATE OR REPLACE FUNCTION stocksync.mark_location() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    o jsonb := to_jsonb(OLD);
    n jsonb := to_jsonb(NEW);
BEGIN
    IF o -> 'parent_path' IS DISTINCT FROM n -> 'parent_path'
       OR o -> 'usage' IS DISTINCT FROM n -> 'usage'
       OR o -> 'active' IS DISTINCT FROM n -> 'active' THEN
        INSERT INTO public.stock_availability_dirty_shopify (product_id)
        SELECT DISTINCT q.product_id FROM public.stock_quant q WHERE q.location_id = NEW.id;
    END IF;
    RETURN NULL;
END
$$;

-- An Odoo location that moves: marks the products of its open moves. For forecast quantities.
CREATE OR REPLACE FUNCTION stocksync.mark_location_moves() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF to_jsonb(OLD) -> 'parent_path' IS DISTINCT FROM to_jsonb(NEW) -> 'parent_path' THEN
        INSERT INTO public.stock_availability_dirty_shopify (product_id)
        SELECT DISTINCT m.product_id FROM public.stock_move m
        WHERE (m.location_id = NEW.id OR m.location_dest_id = NEW.id)
          AND m.state IN ('waiting', 'confirmed', 'assigned', 'partially_available');
        -- Odoo 18 and later
        IF EXISTS (SELECT FROM pg_catalog.pg_attribute a WHERE a.attrelid = 'public.stock_move'::regclass
                   AND a.attname = 'location_final_id' AND NOT a.attisdropped) THEN
            INSERT INTO public.stock_availability_dirty_shopify (product_id)
            SELECT DISTINCT m.product_id FROM public.stock_move m
            WHERE m.location_final_id = NEW.id
              AND m.state IN ('waiting', 'confirmed', 'assigned', 'partially_available');
        END IF;
    END IF;
    RETURN NULL;
END
$$;

-- A warehouse: marks the products below its old and its new view location.
CREATE OR REPLACE FUNCTION stocksync.mark_warehouse() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    o jsonb;
    n jsonb;
BEGIN
    IF TG_OP <> 'INSERT' THEN
        o := to_jsonb(OLD);
    END IF;
    IF TG_OP <> 'DELETE' THEN
        n := to_jsonb(NEW);
    END IF;
    IF o -> 'view_location_id' IS DISTINCT FROM n -> 'view_location_id'
       OR o -> 'lot_stock_id' IS DISTINCT FROM n -> 'lot_stock_id'
       OR o -> 'active' IS DISTINCT FROM n -> 'active'
       OR o -> 'code' IS DISTINCT FROM n -> 'code' THEN
        INSERT INTO public.stock_availability_dirty_shopify (product_id)
        SELECT DISTINCT q.product_id
        FROM public.stock_location v
        JOIN public.stock_location l ON l.parent_path LIKE v.parent_path || '%'
        JOIN public.stock_quant q ON q.location_id = l.id
        WHERE v.id IN ((o ->> 'view_location_id')::integer, (n ->> 'view_location_id')::integer);
    END IF;
    RETURN NULL;
END
$$;

-- A warehouse: marks the products of open moves below these locations. For forecast quantities.
CREATE OR REPLACE FUNCTION stocksync.mark_warehouse_moves() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    o jsonb;
    n jsonb;
BEGIN
    IF TG_OP <> 'INSERT' THEN
        o := to_jsonb(OLD);
    END IF;
    IF TG_OP <> 'DELETE' THEN
        n := to_jsonb(NEW);
    END IF;
    IF o -> 'view_location_id' IS DISTINCT FROM n -> 'view_location_id'
       OR o -> 'active' IS DISTINCT FROM n -> 'active' THEN
        INSERT INTO public.stock_availability_dirty_shopify (product_id)
        SELECT DISTINCT m.product_id
        FROM public.stock_location v
        JOIN public.stock_location l ON l.parent_path LIKE v.parent_path || '%'
        JOIN public.stock_move m ON l.id IN (m.location_id, m.location_dest_id)
        WHERE v.id IN ((o ->> 'view_location_id')::integer, (n ->> 'view_location_id')::integer)
          AND m.state IN ('waiting', 'confirmed', 'assigned', 'partially_available');
        -- Odoo 18 and later
        IF EXISTS (SELECT FROM pg_catalog.pg_attribute a WHERE a.attrelid = 'public.stock_move'::regclass
                   AND a.attname = 'location_final_id' AND NOT a.attisdropped) THEN
            INSERT INTO public.stock_availability_dirty_shopify (product_id)
            SELECT DISTINCT m.product_id
            FROM public.stock_location v
            JOIN public.stock_location l ON l.parent_path LIKE v.parent_path || '%'
            JOIN public.stock_move m ON l.id = m.location_final_id
            WHERE v.id IN ((o ->> 'view_location_id')::integer, (n ->> 'view_location_id')::integer)
              AND m.state IN ('waiting', 'confirmed', 'assigned', 'partially_available');
        END IF;
    END IF;
    RETURN NULL;
END
$$;

-- A move that was or is open: marks its old and its new product. For forecast quantities.
CREATE OR REPLACE FUNCTION stocksync.mark_move() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    o jsonb;
    n jsonb;
    was_open boolean := false;
    is_open boolean := false;
BEGIN
    IF TG_OP <> 'INSERT' THEN
        o := to_jsonb(OLD);
        was_open := COALESCE(o ->> 'state' IN ('waiting', 'confirmed', 'assigned', 'partially_available'), false);
    END IF;
    IF TG_OP <> 'DELETE' THEN
        n := to_jsonb(NEW);
        is_open := COALESCE(n ->> 'state' IN ('waiting', 'confirmed', 'assigned', 'partially_available'), false);
    END IF;
    -- The state as well: it says what the move has reserved.
    IF (was_open AND is_open
        AND o -> 'state' IS NOT DISTINCT FROM n -> 'state'
        AND o -> 'product_qty' IS NOT DISTINCT FROM n -> 'product_qty'
        AND o -> 'location_id' IS NOT DISTINCT FROM n -> 'location_id'
        AND o -> 'location_dest_id' IS NOT DISTINCT FROM n -> 'location_dest_id'
        AND o -> 'location_final_id' IS NOT DISTINCT FROM n -> 'location_final_id'
        AND o -> 'product_id' IS NOT DISTINCT FROM n -> 'product_id')
       OR NOT (was_open OR is_open) THEN
        RETURN NULL;
    END IF;
    INSERT INTO public.stock_availability_dirty_shopify (product_id)
    VALUES (COALESCE(n ->> 'product_id', o ->> 'product_id')::integer);
    IF o ->> 'product_id' <> n ->> 'product_id' THEN
        INSERT INTO public.stock_availability_dirty_shopify (product_id)
        VALUES ((o ->> 'product_id')::integer);
    END IF;
    RETURN NULL;
END
$$;

-- A truncated table: marks every product. No row is left that could name the products concerned.
CREATE OR REPLACE FUNCTION stocksync.mark_all() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO public.stock_availability_dirty_shopify (product_id, cause)
    SELECT p.id, CASE WHEN TG_TABLE_NAME LIKE 'mrp%' THEN 2 ELSE 0 END FROM public.product_product p;
    RETURN NULL;
END
$$;

-- A copy of the database (Odoo's database manager gives it another database.uuid, Odoo 16 and later may
-- neutralize it) has these triggers, but no producer that deletes marks. Nothing would bound them, so
-- the copy's triggers are switched off. Where a producer is connected, it decides: it publishes
-- everything again, or refuses the database.
--
-- Nothing here fails or delays Odoo's transaction. What cannot be switched off stays on.
CREATE OR REPLACE FUNCTION stocksync.note_copy() RETURNS trigger LANGUAGE plpgsql SET lock_timeout = '100ms' AS $$
DECLARE
    reason text;
    switch text;
BEGIN
    IF TG_OP = 'UPDATE' AND NEW.key = 'database.uuid' THEN
        IF NEW.value IS DISTINCT FROM OLD.value THEN
            reason := format('database.uuid changed from %s to %s', OLD.value, NEW.value);
        END IF;
    ELSIF NEW.key = 'database.is_neutralized' AND lower(NEW.value) IN ('true', 't', '1') THEN
        reason := 'the database was neutralized';
    END IF;
    IF reason IS NULL OR EXISTS (
        SELECT FROM pg_catalog.pg_stat_activity a
        WHERE a.datname = current_database() AND a.application_name = 'stocksync-producer leader') THEN
        RETURN NULL;
    END IF;
    BEGIN
        FOR switch IN
            SELECT format('ALTER TABLE %s DISABLE TRIGGER %I', t.tgrelid::regclass, t.tgname)
            FROM pg_catalog.pg_trigger t
            JOIN pg_catalog.pg_proc p ON p.oid = t.tgfoid
            JOIN pg_catalog.pg_namespace n ON n.oid = p.pronamespace
            WHERE n.nspname = 'stocksync' AND p.proname NOT IN ('note_copy', 'keep_mark') AND NOT t.tgisinternal
        LOOP
            EXECUTE switch;
        END LOOP;
        EXECUTE format('COMMENT ON TRIGGER stocksync_copy ON public.ir_config_parameter IS %L',
                       format('stocksync: off since %s: %s', to_char(now(), 'YYYY-MM-DD HH24:MI TZ'), reason));
    EXCEPTION WHEN OTHERS THEN
        RAISE WARNING 'stocksync: marks of this database were not switched off: %', SQLERRM;
    END;
    RETURN NULL;
END
$$;

-- Identifies the Odoo database. Security definer: ir_config_parameter also holds secrets, and this
-- returns one value only.
CREATE OR REPLACE FUNCTION stocksync.database_uuid() RETURNS text
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog AS $$
    SELECT p.value::text FROM public.ir_config_parameter p WHERE p.key = 'database.uuid'
$$;
REVOKE EXECUTE ON FUNCTION stocksync.database_uuid() FROM PUBLIC;
