"""The server that attacks clients: an authorization server and an API that behave well but for one thing."""
