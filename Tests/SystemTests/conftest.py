import pytest

from cloud import LocalCloud
from programs import Program


@pytest.fixture
def start(tmp_path):
    """Starts programs and ends them after the test, whatever became of it."""
    running = []

    def start_program(name, *arguments, environment=None, wait=True, **options):
        program = Program(name, arguments, environment, log_directory=tmp_path, **options)
        running.append(program)
        return program.wait_until_listening() if wait else program

    yield start_program
    for program in reversed(running):
        program.close()


@pytest.fixture(scope="module")
def echo_server(tmp_path_factory):
    program = Program("echo-server", log_directory=tmp_path_factory.mktemp("echo"))
    try:
        yield program.wait_until_listening()
        assert program.process.poll() is None, "the server died"
        assert program.terminate() == 0
    finally:
        program.close()


@pytest.fixture
def cloud(tmp_path):
    cloud = LocalCloud(tmp_path)
    try:
        yield cloud
        assert cloud.program.process.poll() is None, cloud.program.stderr()
    finally:
        cloud.close()


@pytest.fixture(scope="module")
def module_cloud(tmp_path_factory):
    cloud = LocalCloud(tmp_path_factory.mktemp("cloud"))
    try:
        yield cloud
        assert cloud.program.process.poll() is None, cloud.program.stderr()
    finally:
        cloud.close()


@pytest.fixture
def shared(module_cloud):
    """A local cloud for all tests of a module, as new for each."""
    module_cloud.reset()
    return module_cloud
