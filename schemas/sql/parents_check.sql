-- What keeps the present role from marking kits: tables that are missing; rights that are missing, as GRANT lines. NULL: nothing.
WITH need (place, name, privilege) AS (VALUES
    ('public', 'stock_availability_dirty_shopify', 'INSERT'),
    ('stocksync', 'kit_component', 'SELECT')
), found AS (
    SELECT w.*, n.oid AS place_oid, c.oid AS table_oid
      FROM need w
      LEFT JOIN pg_namespace n ON n.nspname = w.place
      LEFT JOIN pg_class c ON c.relnamespace = n.oid AND c.relname = w.name AND c.relkind IN ('r', 'p')
), lack (what) AS (
    SELECT format('USAGE ON SCHEMA %I', place) FROM found
     WHERE place_oid IS NOT NULL AND NOT has_schema_privilege(place_oid, 'USAGE')
    UNION ALL
    SELECT format('%s ON %I.%I', privilege, place, name) FROM found
     WHERE table_oid IS NOT NULL AND NOT has_table_privilege(table_oid, privilege)
    UNION ALL                                     -- the default of id
    SELECT format('USAGE ON SEQUENCE %I.%I', f.place, s.relname)
      FROM found f
      JOIN pg_depend d ON d.classid = 'pg_class'::regclass AND d.refclassid = 'pg_class'::regclass
       AND d.refobjid = f.table_oid AND d.deptype = 'a'
      JOIN pg_class s ON s.oid = d.objid AND s.relkind = 'S'
     WHERE f.privilege = 'INSERT' AND NOT has_sequence_privilege(s.oid, 'USAGE, UPDATE')
)
SELECT (SELECT string_agg(format('%I.%I', place, name), ', ') FROM found WHERE table_oid IS NULL),
       (SELECT string_agg(format('GRANT %s TO %I', what, current_user), '; ') FROM lack)
