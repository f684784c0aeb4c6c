"""The purchases a second of one API process, compared with bare clients that make the same calls of DynamoDB."""
