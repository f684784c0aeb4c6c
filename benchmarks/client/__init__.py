"""The CPU cost of a call of DynamoDB: by our client, stock boto3 and stock pynamodb, against canned answers."""
