"""What a call of DynamoDB costs in CPU: ours beside stock boto3 and stock pynamodb, against canned answers."""
