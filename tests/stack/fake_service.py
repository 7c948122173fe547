"""Stands in for a service: `python fake_service.py SERVICE`, told how to behave by FAKE_SERVICE."""

import http.server
import json
import os
import sys


class Handler(http.server.BaseHTTPRequestHandler):
    """Says that it is ready, and on any other path what environment it was given."""

    def do_GET(self) -> None:
        """Answer 503 for ever when told to be slow."""
        slow = os.environ.get("FAKE_SERVICE") == "slow"
        ours = {name: value for name, value in os.environ.items() if name.startswith("APPORTION_")}
        body = b"waiting for partitions" if slow else json.dumps(ours).encode()
        self.send_response(503 if slow and self.path == "/readyz" else 200)
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the base class's name
        """Quiet."""


if __name__ == "__main__":
    if os.environ.get("FAKE_SERVICE") == "broken":
        sys.exit("no such rule file: rules.yaml")
    port = int(os.environ[f"APPORTION_{sys.argv[1].upper()}_HTTP_PORT"])
    http.server.HTTPServer(("127.0.0.1", port), Handler).serve_forever()
