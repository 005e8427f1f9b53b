-- The statements that take our triggers off Odoo's tables and the marks table, table by table. Columns as
-- in odoo_triggers.sql.
SELECT format('DROP TRIGGER %I ON %s', t.tgname, t.tgrelid::regclass), NULL::text, false, c.relname::text, 'ACCESS EXCLUSIVE'
FROM pg_catalog.pg_trigger t
JOIN pg_catalog.pg_class c ON c.oid = t.tgrelid
JOIN pg_catalog.pg_proc p ON p.oid = t.tgfoid
JOIN pg_catalog.pg_namespace n ON n.oid = p.pronamespace
WHERE n.nspname = 'stocksync' AND NOT t.tgisinternal
ORDER BY c.relname, t.tgname
