"""Load for people to look at: `make load`. Buyers by k6 or Locust, and the tables' own word for what they were sold."""
