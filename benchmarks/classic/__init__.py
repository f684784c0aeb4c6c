"""The old design beside ours: a lock in Redis for each seat, PostgreSQL's `SELECT … FOR UPDATE`, publish after commit."""
