"""
chunk-invariance against a running gateway: every text streamed through it, cut in two at each place, by a
server behind it that sends just those pieces. Prints how many cuts were tried, as JSON.

    python chunks.py PORT     # where the gateway's model `chunks` is to be found
"""

import json
import sys
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import httpx
from chunk_invariance import assert_chunk_invariant
from names import BASE, KEY

TEXTS = {
    "email": "Write to bob.jones@example.net, please.",
    "card": "It was paid with 4111 1111 1111 1111.",
    "ssn": "Hers is 914-27-6083 on the form.",
    "phone": "Call +1 415 555 0132 before noon.",
    "key": "key AKIAIOSFODNN7EXAMPLE in the log",
    "markup": "<b onclick=x()>Hi</b> <script>1</script>",
    "image": "![x](https://evil.example/a?b=c) end",
    "spelled": "bob dot jones [at] example [dot] net",
    "own": "Your address, ann.smith@example.com, is [EMAIL_1].",
    "nothing": "Nothing at all to find here – not «one».",
}
# Cut into three at every pair of places.
SHORT = {"short email": "hi a@b.example!", "short number": " 078-05-1121 ok"}
PAUSE_SECONDS = 0.01
PROMPT = "My address is ann.smith@example.com; say something."


class Upstream(BaseHTTPRequestHandler):
    """Answers with `pieces`, an event each, with a pause between two: what arrives at once is read as one."""

    protocol_version = "HTTP/1.1"
    pieces = ()

    def log_message(self, *_):
        pass

    def do_POST(self):
        self.rfile.read(int(self.headers["content-length"]))
        self.send_response(200)
        self.send_header("content-type", "text/event-stream")
        self.send_header("connection", "close")
        self.end_headers()
        for number, piece in enumerate(self.pieces):
            time.sleep(PAUSE_SECONDS if number else 0)
            self._event({"delta": {"content": piece}})
        self._event({"delta": {}, "finish_reason": "stop"})
        self.wfile.write(b"data: [DONE]\n\n")

    def _event(self, choice):
        data = json.dumps({"choices": [{"index": 0, **choice}]})
        self.wfile.write(f"data: {data}\n\n".encode())


class Gateway:
    """The model `chunks`, asked whole and streamed."""

    def __init__(self):
        self._client = httpx.Client(base_url=BASE, headers={"authorization": f"Bearer {KEY}"}, timeout=60)

    def whole(self, text):
        Upstream.pieces = (text,)
        answer = self._client.post("/chat/completions", json=self._body(stream=False))
        answer.raise_for_status()
        return answer.json()["choices"][0]["message"]["content"]

    def stream(self, pieces):
        Upstream.pieces = tuple(pieces)
        with self._client.stream("POST", "/chat/completions", json=self._body(stream=True)) as answer:
            answer.raise_for_status()
            lines = [line for line in answer.iter_lines() if line]
        assert lines.pop() == "data: [DONE]"
        deltas = [json.loads(line.removeprefix("data: "))["choices"][0]["delta"] for line in lines]
        return [delta.get("content") or "" for delta in deltas]

    def _body(self, *, stream):
        return {"model": "chunks", "messages": [{"role": "user", "content": PROMPT}], "stream": stream}


def main():
    server = ThreadingHTTPServer(("127.0.0.1", int(sys.argv[1])), Upstream)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    gateway = Gateway()
    tried, outputs = {}, {}
    for name, text in {**TEXTS, **SHORT}.items():
        splits = 3 if name in SHORT else "all-two-part"
        tried[name] = assert_chunk_invariant(gateway.stream, gateway.whole, text, splits=splits)
        outputs[name] = gateway.whole(text)
    print(json.dumps({"tried": tried, "outputs": outputs}))
    server.shutdown()


if __name__ == "__main__":
    main()
