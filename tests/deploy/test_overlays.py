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
    patch = json.loads((ROOT / "k8s/examples/music-volume.json").read_text())
    for thing in render("small"):
        if thing["kind"] == "Deployment":
            patched = copy.deepcopy(thing)
            for operation in patch:
                assert operation["op"] == "add"
                *way, end = operation["path"].split("/")[1:]
                place: Any = patched
                for step in way:
                    place = place[int(step)] if isinstance(place, list) else place[step]
                assert end == "-"
                place.append(operation["value"])
            _check(patched)
            assert patched["spec"]["template"]["spec"]["containers"][0]["volumeMounts"][-1] == {
                "name": "music",
                "mountPath": "/music",
                "readOnly": True,
            }


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
