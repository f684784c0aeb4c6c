"""What a cold start of the packaged functions costs, beside boto3 with one client."""
