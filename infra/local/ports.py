"""The usual ports of the services on this machine. localstack-compose.yml opens the same ones."""

AWS_PORT = 4566
REDIS_PORT = 6379
PAYMENTS_PORT = 8090
IDENTITY_PORT = 8091
