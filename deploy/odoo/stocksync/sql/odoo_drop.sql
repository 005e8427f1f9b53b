-- The statements that remove triggers, their functions and tables from Odoo's database, but not the
-- marks table. Quant marks move into the marks table, if there is one. A table of that name that
-- install did not create stays.
WITH quant_marks AS (
    SELECT COALESCE(obj_description(to_regclass('public.stock_availability_dirty_shopify_quant'), 'pg_class')
                    LIKE 'stocksync%', false) AS there,
           to_regclass('public.stock_availability_dirty_shopify') IS NOT NULL AS kept
)
SELECT x.statement FROM (
    SELECT 1 AS step, format('DROP TRIGGER %I ON %s', t.tgname, t.tgrelid::regclass) AS statement
    FROM pg_catalog.pg_trigger t
    JOIN pg_catalog.pg_proc p ON p.oid = t.tgfoid
    JOIN pg_catalog.pg_namespace n ON n.oid = p.pronamespace
    WHERE n.nspname = 'stocksync' AND NOT t.tgisinternal
    UNION ALL
    SELECT 2, format('DROP FUNCTION %s', p.oid::regprocedure)
    FROM pg_catalog.pg_proc p JOIN pg_catalog.pg_namespace n ON n.oid = p.pronamespace
    WHERE n.nspname = 'stocksync'
    UNION ALL
    SELECT 3, format('DROP TABLE %s', c.oid::regclass)
    FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
    WHERE n.nspname = 'stocksync' AND c.relkind = 'r'
      AND c.relname IN ('kit', 'kit_component', 'kit_table', 'published', 'full_pass', 'settled')
    UNION ALL
    SELECT 4, 'INSERT INTO public.stock_availability_dirty_shopify (product_id, date_added)'
              ' SELECT product_id, min(date_added) FROM public.stock_availability_dirty_shopify_quant GROUP BY product_id'
    FROM quant_marks WHERE there AND kept
    UNION ALL
    SELECT 5, 'DROP TABLE public.stock_availability_dirty_shopify_quant'
    FROM quant_marks WHERE there
) x ORDER BY x.step, x.statement
