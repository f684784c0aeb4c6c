"""The old design beside ours: Redis locks for seats, PostgreSQL's `SELECT … FOR UPDATE`, publish after commit."""
