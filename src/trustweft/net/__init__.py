"""Where values meet sockets: serving with TLS, ASGI, outbound requests, telemetry."""
