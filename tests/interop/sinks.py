"""Backends that keep the request bytes they get: python gRPC servers, one per loopback address."""

import random
import threading
from concurrent import futures

import grpc

from rig import RunFailed, wait_until
from routers import BACKEND_PORT, MAX_MESSAGE_BYTES, RawSender, probe


class Sinks:
    def __init__(self, hosts):
        self.hosts = list(hosts)
        self._bodies = {host: [] for host in hosts}
        self._lock = threading.Lock()
        self._servers = [self._serve(host) for host in hosts]

    def _serve(self, host):
        server = grpc.server(
            futures.ThreadPoolExecutor(max_workers=4),
            handlers=[_Keeper(lambda body: self._keep(host, body))],
            options=[("grpc.max_receive_message_length", MAX_MESSAGE_BYTES), ("grpc.so_reuseport", 0)],
        )
        address = f"{host}:{BACKEND_PORT}"
        try:
            server.add_insecure_port(address)
        except RuntimeError as error:
            raise RunFailed(f"cannot listen on {address}: {error}") from error
        server.start()
        return server

    def _keep(self, host, body):
        with self._lock:
            self._bodies[host].append(body)

    def take(self):
        """{host: [request bytes, …]} since the last call."""
        with self._lock:
            taken, self._bodies = self._bodies, {host: [] for host in self.hosts}
        return taken

    def await_all(self, front, sender_options=None):
        """Sends probes through the router until every sink has had one; forgets them."""
        rng, reached = random.Random(13), set()

        def step():
            with RawSender(front.endpoint, **(sender_options or {})) as sender:
                for _ in range(8):
                    sender.try_send(probe(rng.randbytes(16)))
            reached.update(host for host, bodies in self.take().items() if bodies)
            return len(reached) == len(self.hosts)

        wait_until("every sink to get a probe", step, 30, [front.process])
        self.take()

    def close(self):
        for stopping in [server.stop(grace=1) for server in self._servers]:
            stopping.wait(5)


class _Keeper(grpc.GenericRpcHandler):
    def __init__(self, keep):
        self._keep = keep

    def service(self, details):
        if not details.method.endswith("TraceService/Export"):
            return None
        return grpc.unary_unary_rpc_method_handler(self._export)

    def _export(self, body, context):
        self._keep(body)
        return b""
