"""Calls from service to service: where the others are, and a connection to them that is kept.

The tutorials open a connection for every call. Under load that runs out of ports within a minute.
"""

import os
import threading

import requests

TIMEOUT_SECONDS = 3

_local = threading.local()


def _session():
    if not hasattr(_local, "session"):
        _local.session = requests.Session()
    return _local.session


def _url(service, path):
    return os.environ[f"{service.upper()}_URL"] + path


def get(service, path):
    return _session().get(_url(service, path), timeout=TIMEOUT_SECONDS)


def post(service, path, body):
    return _session().post(_url(service, path), json=body, timeout=TIMEOUT_SECONDS)
