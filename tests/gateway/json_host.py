"""A provider whose answer depends on the path, on a real socket: what tests of several ways in share."""

import contextlib
import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

JSON = "application/json"


class JsonHost(BaseHTTPRequestHandler):
    """Answers what `reply` returns. `self.server.asked` is the test's."""

    protocol_version = "HTTP/1.1"
    wbufsize = -1  # head and body go out together

    def reply(self, path, raw):
        """Return the status, the answer (bytes, or what becomes JSON) and its media type, for the parts of the path and the body."""
        raise NotImplementedError

    def do_POST(self):
        raw = self.rfile.read(int(self.headers.get("content-length") or 0))
        status, answer, media_type = self.reply(self.path.split("/")[1:], raw)
        data = answer if isinstance(answer, bytes) else json.dumps(answer).encode()
        self.send_response(status)
        self.send_header("content-type", media_type)
        self.send_header("content-length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def log_message(self, *args):
        """Say nothing."""


@contextlib.contextmanager
def hosting(handler, asked):
    """Run a host in a thread; `asked` is where it notes its requests."""
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        server.asked, server.daemon_threads = asked, True
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield server
        server.shutdown()
        thread.join()
