SELECT max(version) FROM stocksync.migration WHERE part = 'state'
