"""How many purchases one API process completes, beside bare clients that make the same calls of DynamoDB."""
