"""A host that keeps what it makes: files, batches and responses of one account, in OpenAI's format; nobody else finds them."""

import json
import threading
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

AUDIO = bytes(range(256)) * 20


class Account(BaseHTTPRequestHandler):
    """Answers one request; the server holds `name`, `made` (ids), `seen` (method, path, body), `without` and `down`."""

    protocol_version = "HTTP/1.1"

    def do_GET(self):
        _, _, resource = self.path.partition("/v1/")
        kind, _, rest = resource.partition("/")
        name, _, tail = rest.partition("/")
        self.server.seen.append(("GET", resource, b""))
        if not name:
            return self.say({"object": "list", "data": [{"id": made, "object": kind} for made in self.server.made]})
        if name not in self.server.made:
            return self.missing(f"No such {kind} object: {name}")
        return self.send(AUDIO, "application/octet-stream") if tail == "content" else self.say({"id": name, "object": kind})

    def do_POST(self):
        resource = self.path.partition("/v1/")[2]
        body = self.rfile.read(int(self.headers.get("content-length", 0)))
        self.server.seen.append(("POST", resource, body))
        if resource in self.server.down:
            return self.say({"error": {"message": "The service is overloaded.", "type": "server_error", "param": None, "code": None}}, 503)
        if resource in self.server.without:
            return self.missing(f"Invalid URL (POST /v1/{resource})")
        return getattr(self, f"post_{resource.replace('/', '_')}")(json.loads(body) if body[:1] == b"{" else body)

    def post_files(self, body):
        self.say({"id": self.make("file-"), "object": "file", "bytes": len(body), "created_at": 1, "filename": "a", "purpose": "batch"})

    def post_batches(self, body):
        if body["input_file_id"] not in self.server.made:
            return self.missing(f"No such File object: {body['input_file_id']}")
        return self.say({"id": self.make("batch_"), "object": "batch", "input_file_id": body["input_file_id"], "status": "failed"})

    def post_responses(self, body):
        if (earlier := body.get("previous_response_id")) and earlier not in self.server.made:
            return self.missing(f"Previous response with id '{earlier}' not found.")
        text = [{"type": "output_text", "text": self.server.name, "annotations": []}]
        output = [{"type": "message", "id": "msg_1", "role": "assistant", "status": "completed", "content": text}]
        made = {
            "id": self.make("resp_"),
            "object": "response",
            "model": body["model"],
            "status": "completed",
            "error": None,
            "output": output,
        }
        return self.send(_events(made, self.server.name), "text/event-stream") if body.get("stream") else self.say(made)

    def post_images_generations(self, body):
        self.say({"created": 1, "data": [{"b64_json": body["model"]}]})

    def post_audio_speech(self, _body):
        self.send(AUDIO, "audio/mpeg")

    def post_audio_transcriptions(self, body):
        self.say({"text": f"{self.server.name}: {len(body)} bytes"})

    def post_chat_completions(self, body):
        message = {"role": "assistant", "content": self.server.name}
        choice = {"index": 0, "message": message, "finish_reason": "stop"}
        self.say({"id": "c", "object": "chat.completion", "model": body["model"], "choices": [choice]})

    def make(self, prefix):
        self.server.made.append(f"{prefix}{self.server.name}{len(self.server.made)}")
        return self.server.made[-1]

    def missing(self, message):
        self.say({"error": {"message": message, "type": "invalid_request_error", "param": None, "code": None}}, 404)

    def say(self, value, status=200):
        self.send(json.dumps(value).encode(), "application/json", status)

    def send(self, body, media_type, status=200):
        self.send_response(status)
        self.send_header("content-type", media_type)
        self.send_header("content-length", str(len(body)))
        self.send_header("set-cookie", "session=1; Path=/")
        self.server.cookies.append(self.headers.get("cookie"))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *args):
        """Say nothing."""


def _events(response, text):
    begun = {**response, "status": "in_progress", "output": []}
    item = {"item_id": "msg_1", "output_index": 0, "content_index": 0}
    events = [
        {"type": "response.created", "response": begun},
        {"type": "response.output_item.added", "output_index": 0, "item": {**response["output"][0], "content": []}},
        {"type": "response.output_text.delta", **item, "delta": text, "logprobs": []},
        {"type": "response.completed", "response": response},
    ]
    return "".join(f"event: {e['type']}\ndata: {json.dumps({**e, 'sequence_number': i})}\n\n" for i, e in enumerate(events)).encode()


@contextmanager
def account(name, without=()):
    """Run a host for one account."""
    with ThreadingHTTPServer(("127.0.0.1", 0), Account) as server:
        server.name, server.made, server.seen, server.without, server.down = name, [], [], set(without), set()
        server.cookies, server.daemon_threads = [], True
        server.base_url = f"http://127.0.0.1:{server.server_port}/v1"
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield server
        server.shutdown()
        thread.join()
