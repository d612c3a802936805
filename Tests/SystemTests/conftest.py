import contextlib

import pytest

from cloud import LocalCloud
from programs import starting


@pytest.fixture
def start(tmp_path):
    with starting(tmp_path) as start:
        yield start


@pytest.fixture(scope="module")
def echo_server(tmp_path_factory):
    with starting(tmp_path_factory.mktemp("echo")) as start:
        server = start("echo-server")
        yield server
        assert server.terminate() == 0, server.stderr()


def cloud_of(directory):
    with contextlib.closing(LocalCloud(directory)) as cloud:
        yield cloud
        assert cloud.program.process.poll() is None, cloud.program.stderr()


@pytest.fixture
def cloud(tmp_path):
    yield from cloud_of(tmp_path)


@pytest.fixture(scope="module")
def module_cloud(tmp_path_factory):
    yield from cloud_of(tmp_path_factory.mktemp("cloud"))


@pytest.fixture
def shared(module_cloud):
    """A local cloud for all tests of a module, as new for each."""
    module_cloud.reset()
    return module_cloud
