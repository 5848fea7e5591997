"""What a report says, in words and numbers, before it has a look."""
