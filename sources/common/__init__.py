"""What several sources do in one way. No module here knows a source."""
