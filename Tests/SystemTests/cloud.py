"""The local cloud's control port, and the functions that talk to the cloud."""

import json
import urllib.error
import urllib.request

from programs import PATIENCE_SECONDS, Program, get, run


class LocalCloud:
    def __init__(self, directory, *options):
        self.program = Program("local-cloud", ["--directory", str(directory), *options], log_directory=directory,
                               port=1)
        self.directory = directory
        try:
            self.ready = json.loads(self.program.process.stdout.readline())
            assert self.ready["directory"] == str(directory)
        except BaseException:
            self.program.close()
            raise

    def environment(self, function):
        return dict(self.ready["environment"][function])

    def request(self, path, body=None):
        data = None if body is None else json.dumps(body).encode()
        try:
            with urllib.request.urlopen(self.ready["control"] + path, data, timeout=PATIENCE_SECONDS) as answer:
                return json.loads(answer.read())
        except urllib.error.HTTPError as error:
            raise AssertionError(f"{path}: {error.read().decode()}") from error

    def get(self, path):
        return self.request(path)

    def post(self, path, body):
        return self.request(path, body)

    def reset(self):
        self.post("/reset", {})

    def wait(self, counter, **condition):
        answer = self.post("/wait", {"conditions": [{"counter": counter, **condition}],
                                     "timeoutMilliseconds": PATIENCE_SECONDS * 1000})
        assert answer["held"], answer

    def requests(self, service=None, method=None):
        """What a service was asked, in order."""
        found = self.get("/requests")["requests"]
        return [r for r in found if service in (None, r["service"]) and method in (None, r["method"])]

    def close(self):
        self.program.close()


def event_handler(start, cloud, **variables):
    return start("twined-functions", "event-handler",
                 environment={**cloud.environment("event-handler"), **variables})


def service_registry(start, cloud, **variables):
    return start("twined-functions", "service-registry",
                 environment={**cloud.environment("service-registry"), **variables})


def check(cloud, function, *arguments, **variables):
    """What `check` found out; a variable that is None is not set."""
    environment = {**cloud.environment(function), **variables}
    environment = {name: value for name, value in environment.items() if value is not None}
    return run("check", function, *arguments, environment=environment)


def look_up(port, target):
    """Status and text of the registry's answer."""
    status, _, body = get(port, target)
    return status, body.decode()
