"""What outlives a process: the journal of a run, and later the database, archive and secrets."""
