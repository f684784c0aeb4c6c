"""One API process with the default settings, and one screening to book."""

import json
import uuid

import pytest
from chalice.app import Chalice

from chalicelib.api.openapi.document import document as made_of
from chalicelib.api.openapi.document import to_indented_json
from tests.documented import Document, DocumentedApi
from tests.http_api import Api


@pytest.fixture(scope="session")
def document(app: Chalice) -> Document:
    return Document(json.loads(to_indented_json(made_of(app))))


@pytest.fixture
def api(server: str, document: Document) -> Api:
    """A client of the API that checks each answer against the document."""
    return DocumentedApi(server, document)


@pytest.fixture
def session_id(api: Api) -> str:
    return api.schedule()


@pytest.fixture
def user() -> str:
    return f"user-{uuid.uuid4()}"


@pytest.fixture
def key() -> str:
    """An idempotency key that nobody has used."""
    return uuid.uuid4().hex
