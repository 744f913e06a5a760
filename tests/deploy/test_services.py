"""Whatever runs Starling runs all of it: every service, its own settings, its own streams, its own limits."""

from __future__ import annotations

from typing import Any

import pytest

from shared.commands import SERVICES as WORKERS
from shared.settings import Settings
from shared.streams.keys import Keys
from tests.deploy import compose
from tests.deploy.kustomize import OVERLAYS, ROOT, Object, render
from tests.deploy.test_compose import FILLED, SETTINGS

SERVICES = {path.parent.name for path in (ROOT / "services").glob("*/__main__.py")} - {"cli", "up"}
STORES = {"valkey", "postgres"}
# Read by shared/process.py alone.
REPLICA = "STARLING_REPLICA"


def _of_kind(overlay: str, kind: str) -> dict[str, Object]:
    return {thing["metadata"]["name"]: thing for thing in render(overlay) if thing["kind"] == kind}


def _workloads(overlay: str) -> dict[str, Any]:
    found = {**_of_kind(overlay, "Deployment"), **_of_kind(overlay, "StatefulSet")}
    return {name: thing["spec"] for name, thing in found.items()}


def _container(spec: Any) -> Any:
    (container,) = spec["template"]["spec"]["containers"]
    return container


def _settings(overlay: str) -> dict[str, str]:
    (config,) = _of_kind(overlay, "ConfigMap").values()
    data: dict[str, str] = config["data"]
    return data


def test_every_service_is_in_the_compose_file() -> None:
    found = dict(compose.services(compose.MAIN, FILLED))
    assert set(found) == SERVICES | STORES | {"analyzer-gpu"}
    for name in SERVICES:
        assert found[name]["command"] == ["python", "-m", f"services.{name}"]


@pytest.mark.parametrize("overlay", OVERLAYS)
def test_every_service_has_all_its_objects(overlay: str) -> None:
    stores = set() if overlay == "external-databases" else STORES
    assert set(_of_kind(overlay, "Deployment")) == SERVICES
    assert set(_of_kind(overlay, "StatefulSet")) == stores
    assert set(_of_kind(overlay, "PodDisruptionBudget")) == SERVICES | stores
    assert set(_of_kind(overlay, "NetworkPolicy")) >= SERVICES | stores | {"default-deny"}
    for name in SERVICES:
        assert _container(_workloads(overlay)[name])["command"] == ["python", "-m", f"services.{name}"]


@pytest.mark.parametrize("overlay", OVERLAYS)
def test_every_selector_finds_the_pods_of_its_name(overlay: str) -> None:
    for name, spec in _workloads(overlay).items():
        labels = spec["template"]["metadata"]["labels"]
        assert spec["selector"]["matchLabels"] == labels
        for kind, field in (("PodDisruptionBudget", "selector"), ("NetworkPolicy", "podSelector")):
            assert _of_kind(overlay, kind)[name]["spec"][field]["matchLabels"] == labels


@pytest.mark.parametrize("overlay", OVERLAYS)
def test_every_variable_is_a_setting_with_a_usable_value(overlay: str) -> None:
    config = _settings(overlay)
    assert set(config) <= SETTINGS
    Settings.model_validate(config)
    for name in SERVICES:
        variables = {entry["name"] for entry in _container(_workloads(overlay)[name])["env"]}
        assert variables - {REPLICA} <= SETTINGS, name


@pytest.mark.parametrize("overlay", OVERLAYS)
def test_no_secret_is_in_the_manifests(overlay: str) -> None:
    assert not _of_kind(overlay, "Secret")
    secrets = {"REDIS_URL", "POSTGRES_PASSWORD", "STARLING_TOKEN", "STARLING_SECRET_KEY", "STARLING_LLM_KEY"}
    secrets.add("STARLING_OIDC_CLIENT_SECRET")
    assert not secrets & set(_settings(overlay))
    for name, spec in _workloads(overlay).items():
        for entry in _container(spec)["env"]:
            assert entry["name"] not in secrets | {"VALKEY_PASSWORD"} or "value" not in entry, name


@pytest.mark.parametrize("overlay", OVERLAYS)
def test_every_key_of_a_secret_is_in_the_instructions(overlay: str) -> None:
    instructions = (ROOT / "k8s/README.md").read_text()
    for spec in _workloads(overlay).values():
        for entry in _container(spec)["env"]:
            if reference := entry.get("valueFrom", {}).get("secretKeyRef"):
                assert f"secret generic {reference['name']} " in instructions
                key = f"--from-literal={reference['key']}=" if not reference.get("optional") else reference["key"]
                assert key in instructions


def test_an_analyzer_knows_the_stream_server_alone() -> None:
    container = _container(_workloads("small")["analyzer"])
    sources = [entry["valueFrom"] for entry in container["env"] if "valueFrom" in entry]
    assert [source["secretKeyRef"]["key"] for source in sources if "secretKeyRef" in source] == ["REDIS_URL"]
    assert all("secretRef" not in source for source in container["envFrom"])


@pytest.mark.parametrize("overlay", OVERLAYS)
def test_every_pod_is_confined(overlay: str) -> None:
    for name, spec in _workloads(overlay).items():
        pod, container = spec["template"]["spec"], _container(spec)
        assert pod["securityContext"]["runAsNonRoot"], name
        assert pod["securityContext"]["runAsUser"] > 0, name
        assert pod["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}, name
        assert pod["automountServiceAccountToken"] is False, name
        assert pod["enableServiceLinks"] is False, f"{name} would take POSTGRES_PORT=tcp://... for a setting"
        assert container["securityContext"] == {
            "allowPrivilegeEscalation": False,
            "readOnlyRootFilesystem": True,
            "capabilities": {"drop": ["ALL"]},
        }, name
        assert {"requests", "limits"} <= set(container["resources"]), name


@pytest.mark.parametrize("overlay", OVERLAYS)
def test_probes_ask_where_the_service_answers(overlay: str) -> None:
    for name in SERVICES:
        container = _container(_workloads(overlay)[name])
        ports = {port["name"]: port["containerPort"] for port in container["ports"]}
        expected = 8000 if name == "gateway" else int(_settings(overlay)["STARLING_HEALTH_PORT"])
        for probe in ("startupProbe", "livenessProbe", "readinessProbe"):
            assert ports[container[probe]["httpGet"]["port"]] == expected, (name, probe)


@pytest.mark.parametrize("overlay", OVERLAYS)
def test_a_worker_gets_longer_to_end_than_a_track_may_take(overlay: str) -> None:
    for name in WORKERS:
        grace = _workloads(overlay)[name]["template"]["spec"]["terminationGracePeriodSeconds"]
        assert grace > float(_settings(overlay)["STARLING_TRACK_TIMEOUT_S"]), name


def test_of_two_followers_one_stands_by_and_releases_of_the_projector_do_not_meet() -> None:
    for overlay, replicas in (("scaled", 2), ("small", 1)):
        for name in ("projector", "coordinator"):
            assert _workloads(overlay)[name]["replicas"] == replicas
        assert _workloads(overlay)["projector"]["strategy"] == {"type": "Recreate"}


def test_every_worker_is_scaled_from_nothing_by_both_of_its_streams() -> None:
    objects = _of_kind("scaled", "ScaledObject")
    keys = Keys(_settings("scaled")["STARLING_TENANT"])
    assert set(objects) == set(WORKERS)
    for name, thing in objects.items():
        spec = thing["spec"]
        assert spec["scaleTargetRef"]["name"] == name
        assert spec["minReplicaCount"] == 0
        assert tuple(trigger["metadata"]["stream"] for trigger in spec["triggers"]) == keys.work_streams(name)
        assert "replicas" not in _workloads("scaled")[name], "two would decide on the number of replicas"


def test_keda_asks_the_valkey_that_there_is() -> None:
    (service,) = [thing for name, thing in _of_kind("scaled", "Service").items() if name == "valkey"]
    address = f"valkey.{service['metadata']['namespace']}.svc:{service['spec']['ports'][0]['port']}"
    (authentication,) = _of_kind("scaled", "TriggerAuthentication")
    for thing in _of_kind("scaled", "ScaledObject").values():
        for trigger in thing["spec"]["triggers"]:
            assert trigger["metadata"]["address"] == address
            assert trigger["authenticationRef"]["name"] == authentication


@pytest.mark.parametrize("overlay", ["small", "scaled"])
def test_the_stores_let_in_the_services_that_go_to_them_and_nobody_else(overlay: str) -> None:
    policies = _of_kind(overlay, "NetworkPolicy")
    for store in STORES:
        (rule,) = policies[store]["spec"]["ingress"]
        (expression,) = rule["from"][0]["podSelector"]["matchExpressions"]
        going = {name for name in SERVICES if store in _reached(policies[name])}
        assert set(expression["values"]) == going == (SERVICES if store == "valkey" else SERVICES - {"analyzer"})


def _reached(policy: Object) -> set[str]:
    return {
        peer["podSelector"]["matchLabels"]["app.kubernetes.io/component"]
        for rule in policy["spec"]["egress"]
        for peer in rule["to"]
        if "podSelector" in peer
    }


def test_the_image_has_the_version_of_this_checkout() -> None:
    version = next(
        line.split('"')[1] for line in (ROOT / "pyproject.toml").read_text().splitlines() if line.startswith("version")
    )
    for overlay in OVERLAYS:
        for name in SERVICES:
            assert _container(_workloads(overlay)[name])["image"] == f"starling:{version}"
