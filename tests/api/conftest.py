"""One API process with the default settings, and one screening to book."""

import uuid

import pytest

from tests.http_api import Api


@pytest.fixture
def api(server: str) -> Api:
    return Api(server)


@pytest.fixture
def session_id(api: Api) -> str:
    return api.schedule()


@pytest.fixture
def user() -> str:
    return f"user-{uuid.uuid4()}"
