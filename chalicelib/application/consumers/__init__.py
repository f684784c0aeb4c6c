"""Use cases of the consumers of events, each with the queries that read its results."""
