-- The statements that lead from the present triggers to the wanted ones. No row: nothing to do.
-- Tables of modules that are not installed are left out.
--
-- $1 boolean: forecast quantities are wanted
-- Columns: statement, its explanation (NULL: that of the next row), whether run needs it, the table, the
-- lock that all statements of this table need. DROP TRIGGER needs the stronger one.
WITH wanted (tab, name, events, func, forecast) AS (VALUES
    ('stock_quant', 'stocksync_mark', 'INSERT OR DELETE', 'mark_quant', false),
    ('stock_quant', 'stocksync_mark_update', 'UPDATE', 'mark_quant_update', false),
    ('stock_quant', 'stocksync_mark_truncate', 'TRUNCATE', 'mark_all', false),
    ('product_product', 'stocksync_mark', 'INSERT OR UPDATE OR DELETE', 'mark_product', false),
    ('product_template', 'stocksync_mark', 'UPDATE', 'mark_template', false),
    ('uom_uom', 'stocksync_mark', 'UPDATE', 'mark_uom', false),
    ('stock_location', 'stocksync_mark', 'UPDATE', 'mark_location', false),
    ('stock_warehouse', 'stocksync_mark', 'INSERT OR UPDATE OR DELETE', 'mark_warehouse', false),
    ('mrp_bom', 'stocksync_mark', 'INSERT OR UPDATE OR DELETE', 'mark_bom', false),
    ('mrp_bom_line', 'stocksync_mark', 'INSERT OR UPDATE OR DELETE', 'mark_bom_line', false),
    ('mrp_bom', 'stocksync_mark_truncate', 'TRUNCATE', 'mark_all', false),
    ('mrp_bom_line', 'stocksync_mark_truncate', 'TRUNCATE', 'mark_all', false),
    ('mrp_bom_line_product_template_attribute_value_rel', 'stocksync_mark', 'INSERT OR UPDATE OR DELETE', 'mark_bom_filter',
     false),
    ('product_template_attribute_line', 'stocksync_mark', 'UPDATE', 'mark_attribute_line', false),
    ('uom_uom', 'stocksync_mark_kits', 'UPDATE', 'mark_uom_kits', false),
    ('product_commingled', 'stocksync_mark', 'INSERT OR UPDATE OR DELETE', 'mark_commingled', false),
    ('stock_move', 'stocksync_mark_forecast', 'INSERT OR UPDATE OR DELETE', 'mark_move', true),
    ('stock_move', 'stocksync_mark_truncate', 'TRUNCATE', 'mark_all', true),
    ('stock_location', 'stocksync_mark_forecast', 'UPDATE', 'mark_location_moves', true),
    ('stock_warehouse', 'stocksync_mark_forecast', 'INSERT OR UPDATE OR DELETE', 'mark_warehouse_moves', true),
    ('ir_config_parameter', 'stocksync_copy', 'INSERT OR UPDATE', 'note_copy', false)
), place AS (
    SELECT oid FROM pg_catalog.pg_namespace WHERE nspname = 'public'
), state AS (
    SELECT w.*, t.oid IS NOT NULL AS there,
           -- tgtype: 1 for each row, 4 INSERT, 8 DELETE, 16 UPDATE, 32 TRUNCATE. tgenabled: also a trigger
           -- for replicas only does not fire. Without a condition, columns and a later time.
           COALESCE(p.proname = w.func AND n.nspname = 'stocksync' AND t.tgenabled IN ('O', 'A')
                    AND t.tgqual IS NULL AND t.tgattr = '' AND NOT t.tgdeferrable
                    AND t.tgtype = (w.events <> 'TRUNCATE')::integer + 32 * (w.events = 'TRUNCATE')::integer
                                     + 4 * (w.events LIKE '%INSERT%')::integer + 8 * (w.events LIKE '%DELETE%')::integer
                                     + 16 * (w.events LIKE '%UPDATE%')::integer, false) AS good,
           ($1 OR NOT w.forecast)
           AND (w.func NOT IN ('mark_uom_kits', 'mark_attribute_line')
                OR EXISTS (SELECT FROM pg_catalog.pg_class m JOIN place ON m.relnamespace = place.oid
                           WHERE m.relname = 'mrp_bom' AND m.relkind = 'r')) AS keep,
           -- without this trigger the structure may have changed without a mark
           w.func IN ('mark_bom', 'mark_bom_line', 'mark_bom_filter', 'mark_uom_kits', 'mark_attribute_line', 'mark_commingled')
               OR w.func = 'mark_all' AND w.tab LIKE 'mrp%'
               AS structure
    FROM wanted w
    JOIN pg_catalog.pg_class c ON c.relname = w.tab AND c.relkind IN ('r', 'p')
    JOIN place ON c.relnamespace = place.oid
    LEFT JOIN pg_catalog.pg_trigger t ON t.tgrelid = c.oid AND t.tgname = w.name AND NOT t.tgisinternal
    LEFT JOIN pg_catalog.pg_proc p ON p.oid = t.tgfoid
    LEFT JOIN pg_catalog.pg_namespace n ON n.oid = p.pronamespace
)
SELECT x.statement, x.note, x.required, x.tab::text,
       CASE WHEN bool_or(x.step = 1) OVER (PARTITION BY x.tab) THEN 'ACCESS EXCLUSIVE' ELSE 'SHARE ROW EXCLUSIVE' END
FROM (
    SELECT tab, name, 1 AS step, format('DROP TRIGGER %I ON public.%I', name, tab) AS statement,
           CASE WHEN NOT keep THEN format('drops trigger %s on %s', name, tab) END AS note, false AS required
    FROM state WHERE there AND NOT (keep AND good)
    UNION ALL
    SELECT tab, name, 2, format(E'CREATE TRIGGER %I AFTER %s ON public.%I\n    FOR EACH %s EXECUTE PROCEDURE stocksync.%I()',
                                name, events, tab, CASE events WHEN 'TRUNCATE' THEN 'STATEMENT' ELSE 'ROW' END, func), format('puts trigger %s on %s', name, tab), true
    FROM state WHERE keep AND NOT good
    UNION ALL
    -- with each of these tables: an install may end after any of them
    SELECT tab, '~', 3, 'UPDATE stocksync.kit_table SET filled_at = NULL',
           CASE WHEN tab = min(tab) OVER () THEN 'has the producer read every bill of materials again' END, false
    FROM state WHERE structure AND keep AND NOT good GROUP BY tab
) x ORDER BY x.tab, x.name COLLATE "C", x.step
