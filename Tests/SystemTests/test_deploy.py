"""What is deployed with: Terraform and manifests against the program, the documents against both."""

import os
import re
import shutil
import subprocess

import kubernetes_validate
import pytest
import yaml

from programs import PATIENCE_SECONDS, ROOT, run
from terraform import Module, arguments, plain

#: Variables that are the program's, but no setting of a Cloud Run service, and why.
NOT_ON_CLOUD_RUN = {
    "HOST": "the default", "PORT": "the platform sets it", "K_SERVICE": "the platform sets it",
    "FUNCTION_TARGET": "an argument names the function", "FUNCTION_SIGNATURE_TYPE": "ignored",
    "NO_COLOR": "for terminals",
    "OCTUE_SERVICES_TOPIC_NAME": "the older name", "GCLOUD_PROJECT": "the older name",
    "PUSH_AUDIENCE": "Cloud Run checks callers", "PUSH_SERVICE_ACCOUNT": "Cloud Run checks callers",
    "SSL_CERT_FILE": "the image has SSL_CERT_DIR", "SSL_CERT_DIR": "the image sets it",
    "GOOGLE_CLOUD_QUOTA_PROJECT": "for people's credentials", "GOOGLE_CLOUD_UNIVERSE_DOMAIN": "the default",
    **dict.fromkeys(["GOOGLE_APPLICATION_CREDENTIALS", "CLOUDSDK_CONFIG", "GCE_METADATA_HOST", "GCE_METADATA_IP",
                     "GCE_METADATA_TIMEOUT", "NO_GCE_CHECK"], "the platform's metadata server"),
    **dict.fromkeys(["BIGQUERY_EMULATOR_HOST", "PUBSUB_EMULATOR_HOST", "CLOUDSDK_API_ENDPOINT_OVERRIDES_BIGQUERY",
                     "CLOUDSDK_API_ENDPOINT_OVERRIDES_CONTAINER", "CLOUDSDK_API_ENDPOINT_OVERRIDES_ARTIFACTREGISTRY",
                     "CLOUDSDK_API_ENDPOINT_OVERRIDES_PUBSUB"], "for tests"),
}


def help_groups():
    """The variables of --help: {group: [[name, older name …], …]}."""
    result = run("--help")
    assert result.returncode == 0
    groups = {}
    for line in result.stdout.splitlines():
        if line.startswith("Environment, "):
            group = groups.setdefault(line.removeprefix("Environment, ").rstrip(":"), [])
        elif re.fullmatch(r"  [A-Z][A-Z0-9_]*(, [A-Z][A-Z0-9_]*)*", line):
            group.append(line.strip().split(", "))
    return groups


def known(function):
    groups = help_groups()
    return {name for group in [f"{function}, required", f"{function}, optional", "both, optional"]
            for names in groups.get(group, []) for name in names}


def required(function):
    return {names[0] for names in help_groups()[f"{function}, required"]}


FUNCTIONS = {"event-handler": "event_handler", "service-registry": "service_registry"}


@pytest.fixture(scope="module")
def module():
    return Module(ROOT / "deploy/terraform")


# Terraform


@pytest.mark.parametrize("function", FUNCTIONS)
def test_terraform_and_the_program_know_the_same_variables(module, function):
    set_here = set(module.environment("common_settings", f"{FUNCTIONS[function]}_settings"))
    assert set_here - known(function) == set(), "set, but not read"
    assert known(function) - set_here - set(NOT_ON_CLOUD_RUN) == set(), "read, but not to be set"
    assert required(function) <= set_here


def test_what_is_left_out_of_terraform_is_a_variable_of_the_program(module):
    everything = known("event-handler") | known("service-registry")
    assert set(NOT_ON_CLOUD_RUN) <= everything
    used = set(module.environment("common_settings", "event_handler_settings", "service_registry_settings"))
    assert set(NOT_ON_CLOUD_RUN) & used == set()


def test_whatever_is_named_is_declared_and_whatever_is_declared_is_used(module):
    assert module.references(r"\bvar\.([a-z_]+)") == set(module.variables)
    assert module.references(r"\blocal\.([a-z_]+)") == set(module.locals)
    for kind, name in module.references(r"\b(google_[a-z0-9_]+)\.([a-z_]+)"):
        assert (kind, name) in {**module.resources, **module.data}
    for name, variable in module.variables.items():
        assert plain(variable["description"]).strip(), name


def test_terraform_itself_finds_nothing_to_format():
    if not shutil.which("terraform"):
        pytest.skip("there is no terraform here")
    result = subprocess.run(["terraform", "fmt", "-check", "-recursive", "-list=true", ROOT / "deploy/terraform"],
                            capture_output=True, text=True, timeout=PATIENCE_SECONDS,
                            env={"PATH": os.environ["PATH"], "CHECKPOINT_DISABLE": "1"})
    assert (result.returncode, result.stdout) == (0, "")


def test_names_and_outputs_are_those_of_the_cluster_module(module):
    assert plain(module.locals["event_handler_name"]) == "${var.environment}-octue-twined-service-event-handler"
    assert plain(module.locals["service_registry_name"]) == "${var.environment}-octue-twined-service-registry"
    assert plain(module.locals["topic_name"]) == "${var.environment}.octue.twined.services"
    assert {"service_registry_url", "services_topic_name"} <= set(module.outputs)
    assert {"google_cloud_project_id", "google_cloud_region", "maintainer_service_account_names", "environment",
            "maximum_event_handler_instances", "maximum_service_registry_instances", "deletion_protection",
            "question_default_resources", "local_queue"} <= set(module.variables)


def test_one_value_is_the_time_limit_everywhere(module):
    for function in FUNCTIONS.values():
        template = module.resources["google_cloud_run_v2_service", function]["template"][0]
        assert plain(template["timeout"]) == "${var.request_timeout_seconds}s"
    settings = module.environment("common_settings")
    assert settings["CLOUD_RUN_TIMEOUT_SECONDS"] == "tostring(var.request_timeout_seconds)"
    subscription = module.resources["google_pubsub_subscription", "events"]
    assert plain(subscription["ack_deadline_seconds"]) == "var.request_timeout_seconds"
    assert "<= 600" in str(module.variables["request_timeout_seconds"]["validation"])


def test_the_subscription_pushes_with_a_token_waits_and_never_expires(module):
    subscription = module.resources["google_pubsub_subscription", "events"]
    assert {plain(k): plain(v) for k, v in subscription["retry_policy"][0].items() if k[0] != "_"} == {
        "minimum_backoff": "10s", "maximum_backoff": "600s"}
    used = arguments(subscription)
    assert {"push_config.oidc_token.audience", "push_config.oidc_token.service_account_email",
            "enable_message_ordering", "dead_letter_policy.max_delivery_attempts"} <= used
    for name in ["events", "dead_letters"]:
        assert plain(module.resources["google_pubsub_subscription", name]["expiration_policy"][0]["ttl"]) == ""
    assert plain(module.variables["subscription_dead_letter_attempts"]["default"]) in ("None", "null")


def test_the_module_opens_and_probes_each_service_as_meant(module):
    for function, ingress in [("event_handler", "INTERNAL_ONLY"), ("service_registry", "ALL")]:
        service = module.resources["google_cloud_run_v2_service", function]
        assert plain(service["ingress"]) == f"INGRESS_TRAFFIC_{ingress}"
        container = service["template"][0]["containers"][0]
        assert plain(container["args"][0]) == function.replace("_", "-")
        assert plain(container["startup_probe"][0]["http_get"][0]["path"]) == "/health"
        probe = container["startup_probe"][0]
        assert int(plain(probe["timeout_seconds"])) < int(plain(probe["period_seconds"]))
        assert container["resources"][0]["startup_cpu_boost"] in (True, "true", "${true}")
    registry = module.resources["google_cloud_run_v2_service", "service_registry"]
    assert "local.old_registry_url" in str(registry["custom_audiences"])
    assert "cloudfunctions.net" in str(module.locals["old_registry_url"])


def test_each_account_has_the_roles_of_the_document_and_no_others(module):
    granted = {(plain(body["role"]), re.sub(r"\W", " ", plain(body["member"])).split()[1])
               for (kind, _), body in module.resources.items() if kind.endswith("_iam_member")
               and "google_service_account." in str(body["member"])}
    assert granted == {
        ("roles/bigquery.dataEditor", "event_handler"), ("roles/container.clusterViewer", "event_handler"),
        ("roles/container.developer", "event_handler"), ("roles/pubsub.publisher", "event_handler"),
        ("google_project_iam_custom_role.cluster_connect[0].id", "event_handler"),
        ("roles/artifactregistry.reader", "service_registry"), ("roles/run.invoker", "push")}
    document = (ROOT / "docs/DEPLOY.md").read_text()
    for (kind, _), body in module.resources.items():
        if kind.endswith("_iam_member"):
            assert f"`{plain(body['role'])}`" in document or "custom_role" in plain(body["role"])
            assert "policy" not in kind and "binding" not in kind, "others' grants are left alone"


def test_the_document_lists_every_argument_and_no_other(module):
    document = (ROOT / "docs/DEPLOY.md").read_text()
    rows = dict(re.findall(r"^\| `(google_\w+)` \| (.+) \|$", document, re.MULTILINE))
    assert {kind: set(re.findall(r"`([^`]+)`", row)) for kind, row in rows.items()} == module.arguments()
    assert "has not been applied" in document and "`terraform plan` has not been run" in document


def test_the_example_gives_what_is_required_and_nothing_unknown(module):
    example = Module(ROOT / "deploy/terraform/example")
    given = {plain(name) for name in example.modules["twined_functions"] if not name.startswith("__")} - {"source"}
    assert given <= set(module.variables)
    assert {name for name, body in module.variables.items() if "default" not in body} <= given
    assert example.references(r"module\.twined_functions\.([a-z_]+)") <= set(module.outputs)


def test_the_view_keeps_one_row_for_each_event(module):
    query = str(module.resources["google_bigquery_table", "distinct_events"]["view"][0]["query"])
    assert "PARTITION BY sender, question_uuid, uuid" in query and "QUALIFY" in query


# Kubernetes


def documents(name):
    return list(yaml.safe_load_all((ROOT / "deploy/kubernetes" / name).read_text()))


def knative_pod():
    service, = [d for d in documents("knative.yaml") if d["apiVersion"].startswith("serving.knative.dev/")]
    spec = {k: v for k, v in service["spec"]["template"]["spec"].items()
            if k not in ("containerConcurrency", "timeoutSeconds")}
    spec["containers"] = [{"name": "x", **container} for container in spec["containers"]]
    for container in spec["containers"]:
        for probe in ["startupProbe", "readinessProbe"]:
            container[probe]["httpGet"]["port"] = 8080  # Knative fills it in.
    return {"apiVersion": "v1", "kind": "Pod", "metadata": service["spec"]["template"]["metadata"], "spec": spec}


def pods():
    for document in documents("twined-functions.yaml"):
        if document["kind"] == "Deployment":
            yield document["spec"]["template"]["spec"]
    yield knative_pod()["spec"]


@pytest.mark.parametrize("version", ["1.30", "1.34"])
def test_manifests_are_valid(version):
    own = [d for d in documents("knative.yaml") if not d["apiVersion"].startswith("serving.knative.dev/")]
    for document in documents("twined-functions.yaml") + documents("job-role.yaml") + own + [knative_pod()]:
        kubernetes_validate.validate(document, version, strict=True)


def test_a_wrong_manifest_would_be_found():
    wrong = documents("twined-functions.yaml")[3]
    wrong["spec"]["replica"] = 2
    with pytest.raises(kubernetes_validate.ValidationError):
        kubernetes_validate.validate(wrong, "1.34", strict=True)


def test_manifests_set_what_the_program_reads():
    for pod in pods():
        container, = pod["containers"]
        function, = container["args"]
        names = {entry["name"] for entry in container["env"]}
        assert names <= known(function)
        assert required(function) <= names
        if function == "event-handler":
            assert {"PUSH_AUDIENCE", "PUSH_SERVICE_ACCOUNT"} <= names


def test_pods_are_locked_in():
    for pod in pods():
        container, = pod["containers"]
        security = {**pod.get("securityContext", {}), **container["securityContext"]}
        assert security["runAsNonRoot"] and security["runAsUser"] == 65532
        assert security["readOnlyRootFilesystem"] and security["allowPrivilegeEscalation"] is False
        assert security["capabilities"] == {"drop": ["ALL"]}
        assert security["seccompProfile"] == {"type": "RuntimeDefault"}
        assert "memory" in container["resources"]["limits"]


@pytest.mark.parametrize("file", ["twined-functions.yaml", "knative.yaml"])
def test_nothing_goes_in_or_out_but_what_is_named(file):
    policies = {d["metadata"]["name"]: d["spec"] for d in documents(file) if d["kind"] == "NetworkPolicy"}
    assert policies["nothing-else"] == {"podSelector": {}, "policyTypes": ["Ingress", "Egress"]}
    for rule in policies["callers"]["ingress"]:
        assert rule["from"] and rule["ports"], "nobody and no port is left open"
    ports = {port["port"] for rule in policies["upstreams"]["egress"] for port in rule["ports"]}
    assert ports == {53, 80, 988, 443}


def test_services_that_may_stand_beside_old_functions_do_not_share_the_events(module):
    subscription = module.resources["google_pubsub_subscription", "events"]
    condition = str(subscription["lifecycle"][0]["precondition"][0]["condition"])
    assert "event_handler_name_suffix" in condition and "push_enabled" in condition
    example = Module(ROOT / "deploy/terraform/example").modules["twined_functions"]
    assert str(example["push_enabled"]).lower() == "false" and plain(example["event_handler_name_suffix"]) == "-next"


def test_the_job_role_is_what_the_program_does():
    role, binding = documents("job-role.yaml")
    jobs = [rule for rule in role["rules"] if rule["resources"] == ["jobs"]]
    assert jobs == [{"apiGroups": ["batch"], "resources": ["jobs"], "verbs": ["create", "get", "delete"]}]
    assert all(rule["verbs"] == ["get"] for rule in role["rules"] if rule["resources"] != ["jobs"])
    assert binding["roleRef"]["name"] == role["metadata"]["name"]


# Documents


def test_the_readme_names_what_must_be_set_and_nothing_that_is_not_read():
    readme = (ROOT / "README.md").read_text()
    everything = known("event-handler") | known("service-registry")
    for function in FUNCTIONS:
        for name in required(function):
            assert f"`{name}`" in readme, name
    for name in set(re.findall(r"`([A-Z][A-Z0-9]*(?:_[A-Z0-9]+)+|HOST|PORT)`", readme)):
        assert name in everything, name


@pytest.mark.parametrize("path", ["docs/DEPLOY.md", "docs/METRICS.md", "SECURITY.md", "docs/OPERATIONS.md"])
def test_documents_name_no_variable_that_is_not_read(path):
    everything = known("event-handler") | known("service-registry")
    named = set(re.findall(r"`([A-Z][A-Z0-9]*(?:_[A-Z0-9]+)+)(?:=[^`]*)?`", (ROOT / path).read_text()))
    assert named - everything - {"SOURCE_DATE_EPOCH"} == set()
    assert named
