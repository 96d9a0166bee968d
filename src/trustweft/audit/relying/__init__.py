"""The client under test: how it is set going, what it did, and whether its flow came to an end."""
