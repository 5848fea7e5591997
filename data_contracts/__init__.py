"""What may be stored, and the store. See README.md."""
