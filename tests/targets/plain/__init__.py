"""A plain OAuth 2.0 server with a small API behind it: client secrets, bearer tokens, HTML forms, no TLS.

It is somebody else's program as far as the auditor is concerned: the standard library alone, and nothing of ours.
``python -m targets.plain`` is careful; each ``--flaw`` makes it careless in one way (see ``flaws.py``).
"""
