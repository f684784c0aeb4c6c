"""A shorter way through botocore for DynamoDB's calls, with the same requests, answers, errors and events.

    client
      │ a call
      ▼
    calls.py      botocore's events, one after the other; the endpoint's URL is kept; errors by botocore's classes
      │ a request to send
      ▼
    endpoint.py   attempts, by botocore's rules for retries;
                  headers in a plain dict; an answer's JSON as it is, except where botocore's types differ from JSON's
    signing.py    Signature Version 4, with the signing key of the day kept
    transport.py  one `sendall`, one `recv`, on the connections of botocore's own pool
    http.py       an HTTP answer, read from a socket
    requests.py   what a request is

botocore's own way sends all that is unusual: through a proxy, with another signature, with a time-out of its own.
"""
