"""The resource server: a guard that verifies one request, and adapters for ASGI and FastAPI."""
