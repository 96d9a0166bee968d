"""Node's openid-client, or oauth4webapi, as a program: ``node_client.py LIBRARY``."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path

from trustweft.crypto.keys import generate_private_key, private_jwk

CLIENT = Path(__file__).parents[1] / "interop" / "node" / "client.mjs"


def main() -> None:
    """Write the configuration, and let the program go through its flow."""
    configuration = {
        "library": sys.argv[1],
        "issuer": os.environ["TRUSTWEFT_ISSUER"],
        "client_id": "node-client",
        "redirect_uri": "https://client.example/callback",
        "scope": "openid accounts",
        "private_jwk": {**private_jwk(generate_private_key("ES256")), "kid": "node-1", "alg": "ES256"},
    }
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "config.json"
        file.write_text(json.dumps(configuration), encoding="utf-8")
        sys.exit(subprocess.run(["node", CLIENT, file], check=False).returncode)


if __name__ == "__main__":
    main()
