"""A real S3-speaking server (moto) on the loopback, which can be stopped and started again."""

from __future__ import annotations

import logging
import urllib.request
from collections.abc import Iterator

import obstore
import pytest
from moto.server import ThreadedMotoServer
from obstore.store import S3Store

BUCKET = "entrepot-tests"


class ObjectServer:
    """One server; its content lives in this process and survives a restart of the listener."""

    def __init__(self) -> None:
        self.server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
        self.server.start()
        host, self.port = self.server.get_host_and_port()
        self.url = f"http://{host}:{self.port}"
        self._request("POST", "/moto-api/reset")
        self._request("PUT", f"/{BUCKET}")

    def _request(self, method: str, path: str) -> bytes:
        request = urllib.request.Request(self.url + path, method=method)
        with urllib.request.urlopen(request, timeout=10) as answer:
            return bytes(answer.read())

    def place(self, prefix: str) -> str:
        return f"s3://{BUCKET}/{prefix}"

    def headers(self, name: str) -> dict[str, str]:
        store = S3Store(BUCKET, client_options={"allow_http": True})
        return {str(key): value for key, value in obstore.get(store, name).attributes.items()}

    def stop(self) -> None:
        self.server.stop()

    def start_again(self) -> None:
        self.server = ThreadedMotoServer(ip_address="127.0.0.1", port=self.port, verbose=False)
        self.server.start()


@pytest.fixture
def object_server(monkeypatch: pytest.MonkeyPatch) -> Iterator[ObjectServer]:
    logging.getLogger("werkzeug").setLevel(logging.CRITICAL)
    server = ObjectServer()
    for name, value in {
        "AWS_ACCESS_KEY_ID": "INVENTEDKEYID",
        "AWS_SECRET_ACCESS_KEY": "invented-secret",
        "AWS_REGION": "us-east-1",
        "AWS_ENDPOINT_URL": server.url,
        "AWS_ALLOW_HTTP": "true",
    }.items():
        monkeypatch.setenv(name, value)
    yield server
    server.stop()
