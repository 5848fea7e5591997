"""The pages around the reports: index, archive, scoreboard, feeds, notices."""
