"""The shorter way through botocore, beside botocore's own."""
