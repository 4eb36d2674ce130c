"""A client of the API server: JSON over TLS, one connection. Objects are dicts as the API has them.

Everything is written by server-side apply, so that the first write and the tenth are the same call.
"""
import http.client
import json
import ssl

TIMEOUT_S = 10
MANAGER = "cluster-test"


class ApiError(Exception):
    def __init__(self, status, message):
        super().__init__(f"{status}: {message}")
        self.status = status


class Api:
    """Thread rule: one thread."""

    def __init__(self, host, port, ca_file, token):
        self._where = (host, port)
        self._tls = ssl.create_default_context(cafile=ca_file)
        self._headers = {"Authorization": f"Bearer {token}"}
        self._connection = None
        self._plurals = {}

    def call(self, method, path, body=None, kind="application/json"):
        """The answer as a dict, or as text if it is none; ApiError when it is not 2xx; OSError without an answer."""
        if isinstance(body, dict):
            body = json.dumps(body)
        if isinstance(body, str):
            body = body.encode()
        try:
            status, text = self._exchange(method, path, body, {**self._headers, "Content-Type": kind})
        except (OSError, http.client.HTTPException):
            self.close()  # an old connection, perhaps of a server that was restarted
            status, text = self._exchange(method, path, body, {**self._headers, "Content-Type": kind})
        if status >= 300:
            raise ApiError(status, _message(text))
        try:
            return json.loads(text)
        except ValueError:
            return text

    def get(self, path):
        return self.call("GET", path)

    def create(self, path, body):
        return self.call("POST", path, body)

    def apply(self, item):
        return self.call("PATCH", f"{self.path(item)}?fieldManager={MANAGER}&force=true&fieldValidation=Strict", item,
                         "application/apply-patch+yaml")

    def apply_yaml(self, path, text, options=""):
        return self.call("PATCH", f"{path}?fieldManager={MANAGER}&force=true{options}", text,
                         "application/apply-patch+yaml")

    def delete(self, item):
        return self.call("DELETE", self.path(item))

    def is_ready(self):
        try:
            return self.call("GET", "/readyz") == "ok"
        except (OSError, http.client.HTTPException, ApiError):
            return False

    def path(self, item):
        """Where this object is, by what the server says of its kind."""
        version, kind, metadata = item["apiVersion"], item["kind"], item["metadata"]
        root = f"/apis/{version}" if "/" in version else f"/api/{version}"
        if (version, kind) not in self._plurals:
            self._plurals |= {(version, each["kind"]): (each["name"], each["namespaced"])
                              for each in self.get(root)["resources"] if "/" not in each["name"]}
        plural, is_namespaced = self._plurals[version, kind]
        namespace = f"/namespaces/{metadata['namespace']}" if is_namespaced else ""
        return f"{root}{namespace}/{plural}/{metadata['name']}"

    def close(self):
        if self._connection is not None:
            self._connection.close()
            self._connection = None

    def _exchange(self, method, path, body, headers):
        if self._connection is None:
            self._connection = http.client.HTTPSConnection(*self._where, timeout=TIMEOUT_S, context=self._tls)
        self._connection.request(method, path, body, headers)
        reply = self._connection.getresponse()
        return reply.status, reply.read().decode()


def _message(text):
    try:
        return json.loads(text).get("message", text)
    except ValueError:
        return text[:300]
