"""People in our data: who a person is, where their data stands, and what an erasure does there."""
