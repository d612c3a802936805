"""kubectl, gcloud and the published schemas judge the Jobs that we make and the cloud that the tests talk to."""

import json
import ssl
import urllib.request

import pytest

import clients
from cloud import event_handler
from events import push, question
from programs import PATIENCE_SECONDS

REPOSITORY = "europe-west1-docker.pkg.dev/demo-project/octue-twined-services"
TOKEN = "ya29.local-1"


def job_of(start, cloud, event, **variables):
    """The body with which the handler creates the Job of an event; the cluster is left without it."""
    handler = event_handler(start, cloud, **variables)
    assert push(handler.port, event)[0] == 200
    [request] = cloud.requests("kubernetes", "POST")
    assert request["status"] == 201, request
    handler.close()
    cloud.reset()
    return request["body"]


# kubectl


@pytest.fixture
def kubectl(cloud, tmp_path):
    """Runs kubectl with a kubeconfig of the local cluster: its authority and a token."""
    clients.require("kubectl")
    server = f"https://127.0.0.1:{cloud.ready['ports']['kubernetes']}"
    configuration = {
        "apiVersion": "v1", "kind": "Config", "current-context": "local",
        "clusters": [{"name": "local", "cluster": {
            "server": server, "certificate-authority": cloud.ready["clusterCA"]}}],
        "users": [{"name": "local", "user": {"token": TOKEN}}],
        "contexts": [{"name": "local", "context": {"cluster": "local", "user": "local"}}]}
    path = tmp_path / "kubeconfig"
    path.write_text(json.dumps(configuration))
    environment = clients.environment(tmp_path, KUBECONFIG=str(path))

    def run_kubectl(*arguments, check=True):
        return clients.run("kubectl", *arguments, environment=environment, check=check)

    return run_kubectl


@pytest.mark.clients
def test_kubectl_creates_reads_and_deletes_a_job_of_ours(start, cloud, kubectl, tmp_path):
    path = tmp_path / "job.json"
    path.write_text(job_of(start, cloud, question(1, cpus="2")))
    job = json.loads(path.read_text())
    name = job["metadata"]["name"]
    assert kubectl("create", "-f", path).strip() == f"job.batch/{name} created"
    # What kubectl sends is ours: it finds no field to drop, and the server none that it does not know.
    [created] = cloud.requests("kubernetes", "POST")
    assert "fieldValidation=Strict" in created["target"]
    sent = json.loads(created["body"])
    assert sent["metadata"].pop("namespace") == "default"
    assert sent == job | {"metadata": {key: value for key, value in job["metadata"].items() if key != "namespace"}}

    live = json.loads(kubectl("get", "job", name, "-o", "json"))
    assert live["spec"]["template"]["spec"]["containers"][0]["args"] == \
        job["spec"]["template"]["spec"]["containers"][0]["args"]
    assert live["spec"]["suspend"] is True
    assert name in kubectl("get", "jobs")
    label = "kueue.x-k8s.io/queue-name=local-queue"
    assert kubectl("get", "jobs", "-l", label, "-o", "name").strip() == f"job.batch/{name}"
    again = kubectl("create", "-f", path, check=False)
    assert again.returncode == 1
    assert "AlreadyExists" in again.stderr

    assert kubectl("delete", "job", name).strip().startswith(f'job.batch "{name}" deleted')
    assert cloud.get("/jobs")["live"] == []
    gone = kubectl("get", "job", name, check=False)
    assert gone.returncode == 1
    assert "NotFound" in gone.stderr


@pytest.mark.clients
def test_kubectl_verifies_the_cluster_and_is_refused_a_wrong_token(cloud, kubectl):
    refused = kubectl("--token=wrong", "get", "jobs", check=False)
    assert refused.returncode == 1
    assert "asked for the client to provide credentials" in refused.stderr
    stranger = kubectl(f"--certificate-authority={cloud.ready['ca']}", "get", "jobs", check=False)
    assert stranger.returncode == 1
    assert "certificate" in stranger.stderr


@pytest.mark.clients
def test_the_server_refuses_kubectl_a_field_that_it_does_not_know(start, cloud, kubectl, tmp_path):
    job = json.loads(job_of(start, cloud, question(1)))
    job["spec"]["paralelism"] = 1
    path = tmp_path / "job.json"
    path.write_text(json.dumps(job))
    refused = kubectl("create", "-f", path, check=False)
    assert refused.returncode == 1
    assert "paralelism" in refused.stderr


def test_the_local_cluster_tells_kubectl_that_it_validates_fields_itself(cloud):
    """kubectl looks for this parameter before it creates anything, and gives up without it."""
    address = f"https://127.0.0.1:{cloud.ready['ports']['kubernetes']}"

    def get(path):
        request = urllib.request.Request(address + path, headers={"Authorization": f"Bearer {TOKEN}"})
        context = ssl.create_default_context(cafile=cloud.ready["clusterCA"])
        with urllib.request.urlopen(request, context=context, timeout=PATIENCE_SECONDS) as answer:
            return json.loads(answer.read())

    document = get(get("/openapi/v3")["paths"]["apis/batch/v1"]["serverRelativeURL"])
    [patch] = [path["patch"] for path in document["paths"].values()]
    assert patch["x-kubernetes-group-version-kind"] == {"group": "batch", "version": "v1", "kind": "Job"}
    assert [parameter["name"] for parameter in patch["parameters"]] == ["fieldValidation"]


# gcloud


@pytest.fixture
def gcloud(cloud, tmp_path):
    clients.require("gcloud")
    environment = clients.environment(
        tmp_path, CLOUDSDK_CORE_CUSTOM_CA_CERTS_FILE=cloud.ready["ca"], CLOUDSDK_AUTH_ACCESS_TOKEN=TOKEN,
        CLOUDSDK_API_ENDPOINT_OVERRIDES_ARTIFACTREGISTRY=
        f"https://localhost:{cloud.ready['ports']['artifactregistry']}/",
        CLOUDSDK_CORE_CHECK_GCE_METADATA="false", CLOUDSDK_COMPONENT_MANAGER_DISABLE_UPDATE_CHECK="true")

    def run_gcloud(*arguments):
        return json.loads(clients.run("gcloud", *arguments, "--format=json", environment=environment))

    return run_gcloud


@pytest.mark.clients
def test_gcloud_lists_the_tags_and_images_of_the_local_artifact_registry(cloud, gcloud):
    tags = gcloud("artifacts", "docker", "tags", "list", f"{REPOSITORY}/my-org/my-service")
    assert {entry["tag"].rsplit("/", 1)[-1] for entry in tags} == {"0.1.0", "default", "latest"}
    assert {entry["version"].rsplit("/", 1)[-1] for entry in tags} == {"sha256:aaa"}
    images = gcloud("artifacts", "docker", "images", "list", REPOSITORY)
    assert {image["package"].removeprefix(f"{REPOSITORY}/") for image in images} == {
        "my-org/my-service", "my-org/untagged", "my-org/other", "solo"}
    assert {request["status"] for request in cloud.requests("artifactregistry")} == {200}


# The published schemas


VARIANTS = {
    "plain": ({}, {}),
    "everything optional": ({}, {"JOB_TTL_SECONDS_AFTER_FINISHED": "600", "JOB_BACKOFF_LIMIT": "0",
                                 "JOB_ACTIVE_DEADLINE_SECONDS": "3600", "JOB_PRIORITY_CLASS": "urgent"}),
    "the image's own command": ({}, {"JOB_COMMAND": ""}),
    "an old image's command": ({}, {"JOB_COMMAND": "octue question ask local"}),
    "CPUs of the question": ({"cpus": "2"}, {}),
    "fractional CPUs of the question": ({"cpus": "500m", "memory": "2Gi", "ephemeral_storage": "3Gi"}, {}),
    "a fraction by default": ({}, {"QUESTION_DEFAULT_CPUS": "0.5"}),
    "an integer by default": ({}, {"QUESTION_DEFAULT_CPUS": "2"}),
}


def check_schema(path, environment):
    return clients.run("kubernetes-validate", "--strict", path, environment=environment, check=False)


@pytest.mark.clients
def test_kubernetes_schemas_accept_every_variant_of_our_jobs(start, cloud, tmp_path):
    clients.require("bin/kubernetes-validate")
    environment = clients.environment(tmp_path)
    paths = []
    for number, (attributes, variables) in enumerate(VARIANTS.values()):
        paths.append(tmp_path / f"{number}.json")
        paths[-1].write_text(job_of(start, cloud, question(1, **attributes), **variables))
    bodies = [json.loads(path.read_text()) for path in paths]
    by_name = dict(zip(VARIANTS, bodies, strict=True))
    assert by_name["everything optional"]["spec"]["ttlSecondsAfterFinished"] == 600
    assert "command" not in containers(by_name["the image's own command"])[0]
    assert containers(by_name["an integer by default"])[0]["resources"]["requests"]["cpu"] == 2
    clients.run("kubernetes-validate", "--strict", *paths, environment=environment)

    # The judge is awake: a name that no Job has, and a string for a number.
    for change in ({"paralelism": 1}, {"backoffLimit": "none"}):
        wrong = tmp_path / "wrong.json"
        wrong.write_text(json.dumps(bodies[0] | {"spec": bodies[0]["spec"] | change}))
        assert check_schema(wrong, environment).returncode != 0


def containers(job):
    return job["spec"]["template"]["spec"]["containers"]
