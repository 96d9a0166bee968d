"""Several processes for one participant: a parent that binds the ports and supervises, and workers that serve.

The workers are started as programs of their own, not forked: nothing is shared but the sockets and the files that the
settings name. Each assembles its participant inside its own event loop, from settings that the parent read once.
"""
