"""Every overlay renders, and every object in it is one that Kubernetes (or KEDA) takes: no unknown field, no typo."""

from __future__ import annotations

import copy
import json
import os
from pathlib import Path
from typing import Any

import jsonschema
import kubernetes_validate
import pytest
import yaml

from tests.deploy.kustomize import OVERLAYS, ROOT, Object, render

OLDEST, NEWEST = "1.29", "1.37"
OUR_KEDA = json.loads((Path(__file__).parent / "keda.schema.json").read_text())


def _is_keda(thing: Object) -> bool:
    return str(thing["apiVersion"]).startswith("keda.sh/")


def _check(thing: Object) -> None:
    for version in (OLDEST, NEWEST):
        kubernetes_validate.validate(thing, version, strict=True)


@pytest.mark.parametrize("overlay", OVERLAYS)
def test_kubernetes_takes_every_object(overlay: str) -> None:
    things = [thing for thing in render(overlay) if not _is_keda(thing)]
    assert len(things) > 20
    for thing in things:
        _check(thing)


@pytest.mark.parametrize("overlay", OVERLAYS)
def test_everything_is_in_the_namespace_and_labelled(overlay: str) -> None:
    for thing in render(overlay):
        metadata = thing["metadata"]
        assert thing["kind"] == "Namespace" or metadata["namespace"] == "starling"
        assert thing["kind"] == "ConfigMap" or metadata["labels"]["app.kubernetes.io/name"] == "starling"


def test_a_field_that_kubernetes_does_not_know_is_refused() -> None:
    (gateway,) = [t for t in render("small") if (t["kind"], t["metadata"]["name"]) == ("Deployment", "gateway")]
    with pytest.raises(kubernetes_validate.ValidationError):
        _check({**gateway, "spec": {**gateway["spec"], "replica": 2}})


@pytest.mark.parametrize("file", sorted((ROOT / "k8s/examples").glob("*.yaml")), ids=lambda file: file.stem)
def test_kubernetes_takes_the_examples(file: Path) -> None:
    thing = yaml.safe_load(file.read_text())
    _check(thing)
    assert thing["metadata"]["namespace"] == "starling"


def test_the_example_of_a_folder_mounts_it_read_only_under_one_path() -> None:
    for thing in render("small"):
        if thing["kind"] == "Deployment":
            patched = _patched(thing, "music-volume.json")
            _check(patched)
            assert patched["spec"]["template"]["spec"]["containers"][0]["volumeMounts"][-1] == {
                "name": "music",
                "mountPath": "/music",
                "readOnly": True,
            }


@pytest.mark.parametrize("overlay", OVERLAYS)
def test_the_example_of_a_gpu_gives_one_to_the_analyzer_and_asks_for_it(overlay: str) -> None:
    (analyzer,) = [t for t in render(overlay) if (t["kind"], t["metadata"]["name"]) == ("Deployment", "analyzer")]
    patched = _patched(analyzer, "gpu-analyzer.json")
    _check(patched)
    (before,) = analyzer["spec"]["template"]["spec"]["containers"]
    (container,) = patched["spec"]["template"]["spec"]["containers"]
    assert container["resources"]["limits"] == {
        **before["resources"]["limits"],
        "memory": "8Gi",
        "nvidia.com/gpu": "1",
    }
    assert container["env"] == [*before["env"], {"name": "STARLING_ANALYZER_DEVICE", "value": "cuda"}]
    assert patched["spec"]["strategy"] == {"type": "Recreate"}, "the next one would wait for the GPU of the last"
    assert container["image"] in (ROOT / "k8s/README.md").read_text()


def _patched(thing: Object, example: str) -> Object:
    """The object after the operations (RFC 6902) of ``k8s/examples/<example>``."""
    patched = copy.deepcopy(thing)
    for operation in json.loads((ROOT / "k8s/examples" / example).read_text()):
        *way, end = [step.replace("~1", "/").replace("~0", "~") for step in operation["path"].split("/")[1:]]
        place: Any = patched
        for step in way:
            place = place[int(step)] if isinstance(place, list) else place[step]
        if isinstance(place, list):
            assert (operation["op"], end) == ("add", "-")
            place.append(operation["value"])
        else:
            assert operation["op"] == ("replace" if end in place else "add"), operation
            place[end] = operation["value"]
    return patched


def test_the_example_of_an_ingress_leads_to_the_gateway() -> None:
    ingress = yaml.safe_load((ROOT / "k8s/examples/ingress.yaml").read_text())
    (service,) = [t for t in render("small") if (t["kind"], t["metadata"]["name"]) == ("Service", "gateway")]
    backend = ingress["spec"]["rules"][0]["http"]["paths"][0]["backend"]["service"]
    assert backend["name"] == service["metadata"]["name"]
    assert backend["port"]["name"] in {port["name"] for port in service["spec"]["ports"]}


def test_keda_takes_its_objects() -> None:
    things = [thing for thing in render("scaled") if _is_keda(thing)]
    assert len(things) == 5
    for thing in things:
        jsonschema.Draft202012Validator(OUR_KEDA).validate(thing)
        if schema := _published(thing["kind"]):
            jsonschema.Draft202012Validator(schema).validate(thing)


@pytest.mark.parametrize(
    ("path", "value"),
    [("maxReplicas", 3), ("minReplicaCount", "0"), ("triggers", [])],
    ids=["unknown field", "wrong type", "no trigger"],
)
def test_what_keda_would_not_take_is_refused(path: str, value: object) -> None:
    thing = next(thing for thing in render("scaled") if thing["kind"] == "ScaledObject")
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.Draft202012Validator(OUR_KEDA).validate({**thing, "spec": {**thing["spec"], path: value}})


def _published(kind: str) -> Any:
    """KEDA's own description of the kind, from the folder STARLING_SPECS, made strict; None without it."""
    path = Path(os.environ.get("STARLING_SPECS") or "/nonexistent") / f"keda-{kind.lower()}-v1alpha1.schema.json"
    return _strict(json.loads(path.read_text())) if path.is_file() else None


def _strict(schema: Any) -> Any:
    """The schema, refusing what it does not name."""
    if isinstance(schema, list):
        return [_strict(part) for part in schema]
    if not isinstance(schema, dict):
        return schema
    strict = {name: _strict(part) for name, part in schema.items()}
    if isinstance(strict.get("properties"), dict) and "type" in strict and "additionalProperties" not in strict:
        strict["additionalProperties"] = False
    return strict
