-- The statements that give the marks table its settings and its grants, whether it is there or about to be created; no row: nothing
-- to do. Columns as in odoo_triggers.sql.
--
-- Settings for a table that is filled and emptied all the time: vacuum by count of dead rows, without pause; no truncation, which
-- takes an exclusive lock. A value that somebody chose stays. PostgreSQL 10 and 11 know only some of them.
-- Grants: whoever writes stock_quant must be able to leave a mark, or Odoo's transaction fails.
WITH wanted (position, name, value, since) AS (VALUES
    (1, 'autovacuum_vacuum_scale_factor', '0', 0),
    (2, 'autovacuum_vacuum_threshold', '5000', 0),
    (3, 'autovacuum_vacuum_cost_delay', '0', 0),
    (4, 'vacuum_truncate', 'false', 120000),
    (5, 'autovacuum_vacuum_insert_scale_factor', '0', 130000)
), marks AS (
    SELECT c.oid, c.reloptions, c.relacl,
           EXISTS (SELECT FROM pg_catalog.pg_attribute a
                   WHERE a.attrelid = c.oid AND a.attname = 'id' AND NOT a.attisdropped) AS has_id
    FROM (SELECT) one
    LEFT JOIN pg_catalog.pg_class c ON c.relname = 'stock_availability_dirty_shopify'
        AND c.relnamespace = (SELECT n.oid FROM pg_catalog.pg_namespace n WHERE n.nspname = 'public')
), numbers AS (
    -- by oid, not by name: the planner calls functions of constants while there is no such table
    SELECT CASE WHEN has_id THEN pg_catalog.pg_get_serial_sequence(oid::regclass::text, 'id')
                ELSE 'public.stock_availability_dirty_shopify_id_seq' END AS sequence
    FROM marks
)
SELECT x.statement, x.note, x.required FROM (
    SELECT 1 AS step,
           format('ALTER TABLE public.stock_availability_dirty_shopify SET (%s)',
                  string_agg(w.name || ' = ' || w.value, ', ' ORDER BY w.position)) AS statement,
           'sets the vacuuming of stock_availability_dirty_shopify' AS note, false AS required
    FROM wanted w, marks m
    WHERE current_setting('server_version_num')::integer >= w.since
      AND NOT EXISTS (SELECT FROM unnest(m.reloptions) o WHERE split_part(o, '=', 1) = w.name)
    HAVING count(*) > 0
    UNION ALL
    SELECT 2, 'GRANT INSERT ON public.stock_availability_dirty_shopify TO PUBLIC',
           'lets every role that changes stock leave a mark', true
    FROM marks m
    WHERE NOT EXISTS (SELECT FROM aclexplode(m.relacl) a WHERE a.grantee = 0 AND a.privilege_type = 'INSERT')
    UNION ALL
    SELECT 3, format('GRANT USAGE ON SEQUENCE %s TO PUBLIC', s.sequence), NULL, false
    FROM numbers s
    WHERE s.sequence IS NOT NULL
      AND NOT EXISTS (SELECT FROM pg_catalog.pg_class c, aclexplode(c.relacl) a
                      WHERE c.oid = to_regclass(s.sequence) AND a.grantee = 0 AND a.privilege_type = 'USAGE')
) x ORDER BY x.step
