"""A host answered `stream: true` with a whole answer as JSON: SDKs got no chunk and no error, callers took silence for an answer."""

import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from sparekey import Credential, Secret
from sparekey.transport import sdk_options

ANSWER = {
    "id": "x",
    "object": "chat.completion",
    "created": 1,
    "model": "m",
    "choices": [{"index": 0, "message": {"role": "assistant", "content": "hello"}, "finish_reason": "stop"}],
    "usage": {"prompt_tokens": 1, "completion_tokens": 1, "total_tokens": 2},
}
EVENTS = b'data: {"choices": [{"index": 0, "delta": {"content": "hello"}, "finish_reason": "stop"}]}\n\ndata: [DONE]\n\n'


class Contrary(BaseHTTPRequestHandler):
    """Answers a request for events with JSON, and one for JSON with events."""

    def do_POST(self):
        asked = json.loads(self.rfile.read(int(self.headers["content-length"])))
        data = json.dumps(ANSWER).encode() if asked.get("stream") else EVENTS
        self.send_response(200)
        self.send_header("content-type", "application/json" if asked.get("stream") else "text/event-stream")
        self.end_headers()
        self.wfile.write(data)

    def log_message(self, *args):
        """Say nothing."""


@pytest.mark.parametrize("stream", [False, True], ids=["whole", "stream"])
def test_the_caller_gets_what_he_asked_for(stream):
    """A whole answer becomes events, and events become a whole answer."""
    openai = pytest.importorskip("openai", reason="the SDK openai is not installed")
    with ThreadingHTTPServer(("127.0.0.1", 0), Contrary) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        chain = [Credential("a", "openai", "m", api_key=Secret("k"), endpoint=f"http://127.0.0.1:{server.server_port}/v1")]
        try:
            with openai.OpenAI(**sdk_options(chain)) as client:
                answer = client.chat.completions.create(model="m", messages=[{"role": "user", "content": "hi"}], stream=stream)
                if stream:
                    texts = [chunk.choices[0].delta.content or "" for chunk in answer]
                    assert (len(texts), "".join(texts)) == (2, "hello")
                else:
                    assert answer.choices[0].message.content == "hello"
        finally:
            server.shutdown()
            thread.join()
