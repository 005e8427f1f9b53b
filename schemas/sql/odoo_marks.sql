-- The statements that create the quant marks table and give both marks tables settings and grants.
-- The marks table exists or is about to be created. No row: nothing to do. Columns as in
-- odoo_triggers.sql.
--
-- stock_quant's triggers write the quant marks table. Odoo writes stock_quant most, and each
-- column, index and sequence costs its transaction microseconds. So it has the product and the time
-- only.
--
-- Settings: both tables are filled and emptied all the time. Vacuum by count of dead rows, without
-- pause; no truncation, which takes an exclusive lock. A value that an operator chose stays.
-- PostgreSQL 10 and 11 know only some settings.
--
-- Replica identity: without one, a publication FOR ALL TABLES lets the producer delete no mark. The
-- marks table has its primary key, the quant marks table has none.
--
-- Grants: every role that writes stock_quant must be able to insert a mark, or Odoo's transaction
-- fails. odoo_writers.sql names the known roles; PUBLIC is for those that come later.
WITH place AS (
    SELECT oid FROM pg_catalog.pg_namespace WHERE nspname = 'public'
), wanted (position, name, value, since) AS (VALUES
    (1, 'autovacuum_vacuum_scale_factor', '0', 0),
    (2, 'autovacuum_vacuum_threshold', '5000', 0),
    (3, 'autovacuum_vacuum_cost_delay', '0', 0),
    (4, 'vacuum_truncate', 'false', 120000),
    (5, 'autovacuum_vacuum_insert_scale_factor', '0', 130000)
), tables (position, name) AS (VALUES
    (1, 'stock_availability_dirty_shopify'),
    (2, 'stock_availability_dirty_shopify_quant')
), marks AS (
    SELECT t.position, t.name, c.oid, c.reloptions, c.relacl, c.relreplident,
           EXISTS (SELECT FROM pg_catalog.pg_attribute a
                   WHERE a.attrelid = c.oid AND a.attname = 'id' AND NOT a.attisdropped) AS has_id
    FROM tables t
    LEFT JOIN pg_catalog.pg_class c ON c.relname = t.name AND c.relnamespace = (SELECT p.oid FROM place p)
), numbers AS (
    -- By oid, not by name: the planner calls functions of constants before the table exists.
    SELECT CASE WHEN has_id THEN pg_catalog.pg_get_serial_sequence(oid::regclass::text, 'id')
                ELSE 'public.stock_availability_dirty_shopify_id_seq' END AS sequence
    FROM marks WHERE position = 1
)
-- Of a table that is there, REPLICA IDENTITY needs the strongest lock.
SELECT x.statement, x.note, x.required, t.name::text, CASE WHEN t.oid IS NOT NULL THEN
           CASE WHEN bool_or(x.locks) OVER (PARTITION BY t.name) THEN 'ACCESS EXCLUSIVE' ELSE 'SHARE UPDATE EXCLUSIVE' END END
FROM (
    SELECT m.position AS place, 1 AS step,
           E'CREATE TABLE public.stock_availability_dirty_shopify_quant (\n'
           '    product_id integer NOT NULL,\n    date_added timestamptz NOT NULL DEFAULT CURRENT_TIMESTAMP)' AS statement,
           'creates the table stock_availability_dirty_shopify_quant' AS note, true AS required, false AS locks
    FROM marks m WHERE m.position = 2 AND m.oid IS NULL
    UNION ALL
    SELECT m.position, 2, 'COMMENT ON TABLE public.stock_availability_dirty_shopify_quant'
           ' IS ''stocksync: products of which a row of stock_quant changed''', NULL, false, false
    FROM marks m WHERE m.position = 2 AND m.oid IS NULL
    UNION ALL
    SELECT m.position, 3, format('ALTER TABLE public.%I REPLICA IDENTITY %s', m.name,
                                 CASE m.position WHEN 1 THEN 'DEFAULT' ELSE 'FULL' END),
           format('sets the replica identity of %s', m.name), true, true
    FROM marks m
    WHERE CASE m.position WHEN 1 THEN m.relreplident = 'n'
                          ELSE m.relreplident IS DISTINCT FROM 'f' END
    UNION ALL
    SELECT m.position, 3,
           format('ALTER TABLE public.%I SET (%s)', m.name, string_agg(w.name || ' = ' || w.value, ', ' ORDER BY w.position)),
           format('sets the vacuuming of %s', m.name), false, false
    FROM wanted w, marks m
    WHERE current_setting('server_version_num')::integer >= w.since
      AND NOT EXISTS (SELECT FROM unnest(m.reloptions) o WHERE split_part(o, '=', 1) = w.name)
    GROUP BY m.position, m.name
    UNION ALL
    SELECT m.position, 4, format('GRANT INSERT ON public.%I TO PUBLIC', m.name),
           'lets every role that changes stock leave a mark', NULL, false
    FROM marks m
    WHERE NOT EXISTS (SELECT FROM aclexplode(m.relacl) a WHERE a.grantee = 0 AND a.privilege_type = 'INSERT')
    UNION ALL
    SELECT 1, 5, format('GRANT USAGE ON SEQUENCE %s TO PUBLIC', s.sequence), NULL, false, false
    FROM numbers s
    WHERE s.sequence IS NOT NULL
      AND NOT EXISTS (SELECT FROM pg_catalog.pg_class c, aclexplode(c.relacl) a
                      WHERE c.oid = to_regclass(s.sequence) AND a.grantee = 0 AND a.privilege_type = 'USAGE')
) x JOIN marks t ON t.position = x.place ORDER BY x.place, x.step
