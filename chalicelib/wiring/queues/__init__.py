"""The doors of the functions that queues feed. Some of them serve the API as well."""
