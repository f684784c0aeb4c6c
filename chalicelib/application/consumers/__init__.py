"""Use cases of the consumers of events, each with the questions that read what it keeps."""
