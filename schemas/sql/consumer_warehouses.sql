SELECT id, code, company, active, COALESCE(company_id, 0) FROM stocksync.warehouse ORDER BY id
