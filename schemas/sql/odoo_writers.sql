-- The statements that give Odoo's roles explicit rights on what install adds, so that REVOKE FROM
-- PUBLIC and another owner of the marks tables break neither Odoo's writes nor its backup. No row:
-- nothing to do. Columns as in odoo_triggers.sql.
--
-- $1 boolean: install is about to create tables
--
-- Roles: those that own or may write a table with one of our triggers. All of them leave marks. Owners
-- also read everything, as pg_dump does. Superusers need no rights.
WITH place AS (
    SELECT oid FROM pg_catalog.pg_namespace WHERE nspname = 'public'
), watched AS (
    SELECT c.relowner, c.relacl FROM pg_catalog.pg_class c JOIN place ON c.relnamespace = place.oid
    WHERE c.relkind IN ('r', 'p') AND c.relname IN ('stock_quant', 'product_product', 'product_template', 'uom_uom',
        'stock_location', 'stock_warehouse', 'stock_move', 'mrp_bom', 'mrp_bom_line', 'product_commingled',
        'mrp_bom_line_product_template_attribute_value_rel', 'product_template_attribute_line')
), writers AS (
    SELECT r.oid, r.rolname, bool_or(x.owns) AS owns
    FROM (SELECT relowner AS oid, true AS owns FROM watched
          UNION ALL
          SELECT a.grantee, false FROM watched w, aclexplode(w.relacl) a
          WHERE a.privilege_type IN ('INSERT', 'UPDATE', 'DELETE', 'TRUNCATE')) x
    JOIN pg_catalog.pg_roles r ON r.oid = x.oid
    WHERE NOT r.rolsuper
    GROUP BY r.oid, r.rolname
), marks AS (
    SELECT format('public.%I', t.name) AS name, c.oid, c.relowner, c.relacl, t.position, 'TABLE ' AS kind, 'INSERT' AS mark
    FROM (VALUES (1, 'stock_availability_dirty_shopify'), (2, 'stock_availability_dirty_shopify_quant')) t (position, name)
    LEFT JOIN pg_catalog.pg_class c ON c.relname = t.name AND c.relnamespace = (SELECT p.oid FROM place p)
), objects AS (
    SELECT * FROM marks
    UNION ALL
    -- the sequence of the marks table, which may be about to be created
    SELECT COALESCE(s.oid::regclass::text, 'public.stock_availability_dirty_shopify_id_seq'), s.oid, s.relowner, s.relacl,
           3, 'SEQUENCE ', 'USAGE'
    FROM marks m
    LEFT JOIN pg_catalog.pg_attribute a ON a.attrelid = m.oid AND a.attname = 'id' AND NOT a.attisdropped
    LEFT JOIN pg_catalog.pg_class s
        ON s.oid = CASE WHEN a.attname IS NOT NULL THEN pg_catalog.pg_get_serial_sequence(m.oid::regclass::text, 'id') END::regclass
    WHERE m.position = 1 AND (s.oid IS NOT NULL OR a.attname IS NULL)
), ours AS (
    SELECT c.relowner, c.relacl FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
    WHERE n.nspname = 'stocksync' AND c.relkind IN ('r', 'S')
), wanted AS (
    SELECT w.rolname, w.owns, o.position, o.kind || o.name AS object, p.privilege,
           -- an object that is about to be created belongs to this role
           pg_has_role(w.oid, COALESCE(o.relowner, (SELECT r.oid FROM pg_catalog.pg_roles r WHERE r.rolname = current_user)), 'USAGE')
           OR EXISTS (SELECT FROM aclexplode(o.relacl) a WHERE a.grantee = w.oid AND a.privilege_type = p.privilege) AS has,
           EXISTS (SELECT FROM aclexplode(o.relacl) a WHERE a.grantee = 0 AND a.privilege_type = p.privilege) AS by_public
    FROM writers w, objects o, LATERAL (VALUES (o.mark, true), ('SELECT', w.owns)) p (privilege, needed)
    WHERE p.needed
)
SELECT x.statement, x.note, x.required, NULL::text, NULL::text FROM (
    SELECT 1 AS step, format('GRANT %s ON %s TO %I', string_agg(privilege, ', ' ORDER BY privilege), object, rolname) AS statement,
           format('gives %s explicit rights on the marks', rolname) AS note,
           CASE WHEN bool_or(owns AND privilege <> 'SELECT' AND NOT by_public) THEN true END AS required,
           rolname, position
    FROM wanted WHERE NOT has GROUP BY rolname, object, position
    UNION ALL
    SELECT 2, format(s.statement, w.rolname), CASE s.place WHEN 3 THEN format('lets %s back up the schema stocksync', w.rolname) END,
           NULL, w.rolname, s.place
    FROM writers w, (VALUES (1, 'GRANT USAGE ON SCHEMA stocksync TO %I'), (2, 'GRANT SELECT ON ALL SEQUENCES IN SCHEMA stocksync TO %I'),
                            (3, 'GRANT SELECT ON ALL TABLES IN SCHEMA stocksync TO %I')) s (place, statement)
    WHERE w.owns
      AND ($1 AND NOT pg_has_role(w.oid, (SELECT r.oid FROM pg_catalog.pg_roles r WHERE r.rolname = current_user), 'USAGE')
           OR EXISTS (SELECT FROM pg_catalog.pg_namespace n WHERE n.nspname = 'stocksync' AND NOT pg_has_role(w.oid, n.nspowner, 'USAGE')
                      AND NOT EXISTS (SELECT FROM aclexplode(n.nspacl) a WHERE a.grantee = w.oid AND a.privilege_type = 'USAGE'))
           OR EXISTS (SELECT FROM ours o WHERE NOT pg_has_role(w.oid, o.relowner, 'USAGE')
                      AND NOT EXISTS (SELECT FROM aclexplode(o.relacl) a WHERE a.grantee = w.oid AND a.privilege_type = 'SELECT')))
) x ORDER BY x.step, x.rolname, x.position
