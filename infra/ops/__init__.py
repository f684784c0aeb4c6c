"""What an operator does from the command line: look at a stage, repair its dead letters, find what is wrong here."""
