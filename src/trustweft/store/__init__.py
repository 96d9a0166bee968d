"""What remembers: implements the interfaces that the participants own, on SQLite and in memory."""
