-- The statements that remove the functions of triggers and the tables of kits from Odoo's database, but
-- not the marks table. odoo_drop_triggers.sql comes first, in transactions that are committed: then
-- nobody runs these functions. Columns as in odoo_triggers.sql. Quant marks move into the marks table, if there is one. A table of that name that
-- install did not create stays.
WITH quant_marks AS (
    SELECT COALESCE(obj_description(to_regclass('public.stock_availability_dirty_shopify_quant'), 'pg_class')
                    LIKE 'stocksync%', false) AS there,
           to_regclass('public.stock_availability_dirty_shopify') IS NOT NULL AS kept
)
SELECT x.statement, NULL::text, false, x.tab, CASE WHEN x.tab IS NOT NULL THEN 'ACCESS EXCLUSIVE' END FROM (
    SELECT 2 AS step, format('DROP FUNCTION %s', p.oid::regprocedure) AS statement, NULL AS tab
    FROM pg_catalog.pg_proc p JOIN pg_catalog.pg_namespace n ON n.oid = p.pronamespace
    WHERE n.nspname = 'stocksync'
    UNION ALL
    SELECT 3, format('DROP TABLE %s', c.oid::regclass), NULL
    FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
    WHERE n.nspname = 'stocksync' AND c.relkind = 'r'
      AND c.relname IN ('kit', 'kit_component', 'kit_table', 'published', 'full_pass', 'settled')
    UNION ALL
    SELECT 4, 'INSERT INTO public.stock_availability_dirty_shopify (product_id, date_added)'
              ' SELECT product_id, min(date_added) FROM public.stock_availability_dirty_shopify_quant GROUP BY product_id',
           'stock_availability_dirty_shopify_quant'
    FROM quant_marks WHERE there AND kept
    UNION ALL
    SELECT 5, 'DROP TABLE public.stock_availability_dirty_shopify_quant', 'stock_availability_dirty_shopify_quant'
    FROM quant_marks WHERE there
) x ORDER BY x.step, x.statement
