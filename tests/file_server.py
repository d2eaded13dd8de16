"""A server of files on 127.0.0.1 that can misbehave, and the way past the store's rule on addresses."""

import hashlib
import threading
import time
from contextlib import contextmanager, suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from wisp.engine.store import addresses
from wisp.engine.store.rows import Published

CONTENT = bytes(range(256)) * 5000  # more than one chunk
SHA256 = hashlib.sha256(CONTENT).hexdigest()


class FileServer(ThreadingHTTPServer):
    """Serves what `behaviour` says; ``requests`` are the paths asked for and the byte each began at."""

    daemon_threads = True

    def __init__(self):
        super().__init__(("127.0.0.1", 0), _Handler)
        self.requests = []
        self.redirects = {}
        self.content = {"/whole.onnx": CONTENT}
        self.ranges = True
        self.breaks = []  # bytes after which the next answers break off
        self.slow = 0.0  # seconds between pieces
        self.headers = {}

    @property
    def netloc(self):
        return f"127.0.0.1:{self.server_port}"

    def url(self, path="/whole.onnx"):
        return f"http://{self.netloc}{path}"

    def row(self, path="/whole.onnx", **other):
        about = {"size": len(CONTENT), "sha256": SHA256, "licence": "none", "training_data": "none"}
        row = (
            {"name": "toy", "url": self.url(path), "hash_from": "the test", "file": "toy.onnx"}
            | about
            | other
        )
        return Published(**row)


class _Handler(BaseHTTPRequestHandler):
    def do_GET(self):
        server = self.server
        wanted = self.headers.get("Range", "bytes=0-")
        start = int(wanted.removeprefix("bytes=").rstrip("-"))
        server.requests.append((self.path, start))
        if self.path in server.redirects:
            self.send_response(302)
            self.send_header("Location", server.redirects[self.path])
            self.end_headers()
            return
        content = server.content.get(self.path)
        if content is None:
            self.send_error(404)
            return
        if not server.ranges:
            start = 0
        if start >= len(content):
            self.send_error(416)
            return
        self.send_response(206 if start else 200)
        if start:
            self.send_header("Content-Range", f"bytes {start}-{len(content) - 1}/{len(content)}")
        self.send_header("Content-Length", str(len(content) - start))
        for name, value in server.headers.items():
            self.send_header(name, value)
        self.end_headers()
        end = start + server.breaks.pop(0) if server.breaks else len(content)
        with suppress(OSError):  # the client may have seen enough
            if not server.slow:
                self.wfile.write(content[start:end])
                return
            for place in range(start, min(end, len(content)), 4096):
                self.wfile.write(content[place : min(place + 4096, end)])
                time.sleep(server.slow)

    def log_message(self, *_):
        pass


@contextmanager
def running(*, tested=True):
    """A running server; `tested` makes it one that the store talks to."""
    with FileServer() as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
        thread.start()
        if tested:
            addresses.TEST_SERVERS.add(server.netloc)
        try:
            yield server
        finally:
            addresses.TEST_SERVERS.discard(server.netloc)
            server.shutdown()
            thread.join()
