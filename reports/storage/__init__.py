"""ArchivedReport folders on disk: written whole or not at all, and listed."""
