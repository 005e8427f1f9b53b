SELECT id, code, company, active FROM stocksync.warehouse ORDER BY id
