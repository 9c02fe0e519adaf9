"""A collector on a real socket, which does what it is told."""

import gzip
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest


class Collector:
    """`manner` is called with the handler of each request, once its body has been read."""

    def __init__(self, manner=None):
        self.requests = []
        self.came = threading.Event()
        self.may_go = threading.Event()
        outer = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self):
                body = self.rfile.read(int(self.headers["Content-Length"]))
                if self.headers.get("Content-Encoding") == "gzip":
                    body = gzip.decompress(body)
                outer.requests.append((self.path, dict(self.headers), body))
                outer.came.set()
                (manner or fine)(self, outer)

            def log_message(self, *arguments):
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self.base = f"http://127.0.0.1:{self._server.server_port}"

    def __enter__(self):
        threading.Thread(target=self._server.serve_forever, daemon=True).start()
        return self

    def __exit__(self, *error):
        self.may_go.set()
        self._server.shutdown()
        self._server.server_close()

    @property
    def spans(self):
        """Names of the spans that came, with what they were called in."""
        return [named for trace in self.traces.values() for named in trace]

    @property
    def traces(self):
        """The same, by trace."""
        found = {}
        for body in [body for path, _, body in list(self.requests) if path == "/v1/traces"]:
            for resource in ExportTraceServiceRequest.FromString(body).resource_spans:
                named = {one.key: one.value.string_value for one in resource.resource.attributes}
                for span in (span for scope in resource.scope_spans for span in scope.spans):
                    found.setdefault(span.trace_id, []).append((named["service.name"], span.name))
        return found


def fine(handler, collector):
    handler.send_response(200)
    handler.send_header("Content-Length", "0")
    handler.end_headers()


def hangs(handler, collector):
    collector.may_go.wait(60)


def never_ends(handler, collector):
    """Says yes, and goes on talking."""
    handler.send_response(200)
    handler.send_header("Transfer-Encoding", "chunked")
    handler.end_headers()
    try:
        while not collector.may_go.is_set():
            handler.wfile.write(b"10000\r\n" + b"x" * 0x10000 + b"\r\n")
    except OSError:
        pass


def redirects(handler, collector):
    handler.send_response(307)
    handler.send_header("Location", f"{collector.base}/elsewhere")
    handler.send_header("Content-Length", "0")
    handler.end_headers()


def refuses(handler, collector):
    """In words that nobody shall log."""
    handler.send_response(400, "m4rk3d reason")
    handler.send_header("Content-Length", "6")
    handler.end_headers()
    handler.wfile.write(b"m4rk3d")
