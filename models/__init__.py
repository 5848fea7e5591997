"""From a record to a probability. See README.md."""
