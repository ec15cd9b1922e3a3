"""A provider on real sockets that keeps its connections open, and then does to them what the test says; it counts what is written to it."""

import contextlib
import json
import socket
import struct
import threading

ANSWER = json.dumps(
    {
        "id": "chatcmpl-1",
        "object": "chat.completion",
        "created": 1,
        "model": "m",
        "choices": [{"index": 0, "message": {"role": "assistant", "content": "Under the mat."}, "finish_reason": "stop"}],
        "usage": {"prompt_tokens": 5, "completion_tokens": 4, "total_tokens": 9},
    }
).encode()
HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n" % len(ANSWER)


class ResettingHost:
    """Listens on a free port. `fault` is what becomes of a request on a connection that was there when `turn` was called.

    answer    it is answered, as are those on later connections (unless `always`)
    reset     the connection is reset once the request was read
    close     it is closed then, politely
    half      half a header is sent before the reset

    Attributes:
        writes: how many requests were read, whatever became of them.
        connections: how many were made.
    """

    def __init__(self, context=None):
        self.writes, self.connections, self.fault, self.always = 0, 0, "answer", False
        self._turned, self._gate, self._context = 0, None, context
        self._lock, self._open = threading.Lock(), []
        self._listening = socket.create_server(("127.0.0.1", 0), backlog=256)
        self.port = self._listening.getsockname()[1]
        self.base_url = f"{'https' if context else 'http'}://127.0.0.1:{self.port}/v1"
        threading.Thread(target=self._accept, daemon=True).start()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.unplug()
        self.hang_up()

    def unplug(self):
        """Take no more connections."""
        with contextlib.suppress(OSError):
            self._listening.shutdown(socket.SHUT_RDWR)
        self._listening.close()

    def gather(self, count):
        """Answer nobody until so many requests are here: each needs a connection of its own."""
        self._gate = threading.Barrier(count)

    def turn(self, fault, *, always=False):
        """From now on do this to requests; `always`: on new connections as well."""
        self._gate = None
        self.fault, self.always, self._turned, self.writes = fault, always, self.connections, 0

    def speak(self):
        """Let the silent ones be reset."""

    def hang_up(self):
        """Close every connection, politely."""
        with self._lock:
            found, self._open = self._open, []
        for one in found:
            with contextlib.suppress(OSError):
                one.shutdown(socket.SHUT_RDWR)
            one.close()

    def _accept(self):
        with contextlib.suppress(OSError):
            while True:
                one = self._listening.accept()[0]
                one.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                self.connections += 1
                threading.Thread(target=self._serve, args=(one, self.connections), daemon=True).start()

    def _serve(self, one, number):
        with contextlib.suppress(OSError, threading.BrokenBarrierError):
            if self._context:
                one = self._context.wrap_socket(one, server_side=True)
            with self._lock:
                self._open.append(one)
            waiting = b""
            while (waiting := self._read(one, waiting)) is not None and self._answer(one, number):
                pass
        one.close()

    def _read(self, one, waiting):
        """Read one request; return what came behind it, None if the client has left."""
        while (end := waiting.find(b"\r\n\r\n")) < 0:
            if not (piece := one.recv(65536)):
                return None
            waiting += piece
        headers = waiting[:end].lower().split(b"\r\n")
        left = next((int(line[15:]) for line in headers if line.startswith(b"content-length:")), 0) - (len(waiting) - end - 4)
        waiting = waiting[len(waiting) + left :] if left < 0 else b""
        while left > 0:
            if not (piece := one.recv(65536)):
                return None
            left -= len(piece)
        return waiting

    def _answer(self, one, number):
        """Answer, or not; return whether the connection goes on."""
        with self._lock:
            self.writes += 1
            gate = self._gate
        if gate is not None:
            gate.wait(20)
        fault = self.fault if self.always or number <= self._turned else "answer"
        if fault == "answer":
            one.sendall(HEAD + ANSWER)
            return True
        if fault == "half":
            one.sendall(HEAD[:30])
        if fault == "close":
            one.shutdown(socket.SHUT_RDWR)
        else:
            one.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        return False
