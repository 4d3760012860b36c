"""Renders the overlays and lays out what a pod would see, so that the real binary can be asked.

Run with the tools of requirements.txt on the path:

    TESTED_NUMGUARD=target/debug/numguard TESTED_CHECKOV=.../checkov pytest tests/kubernetes
"""

import functools
import os
import subprocess
import sys
from pathlib import Path

import pytest
import trustme
import yaml

PROJECT = Path(__file__).resolve().parents[2]
OVERLAYS = sorted(path.name for path in (PROJECT / "k8s/overlays").iterdir())

# Custom resources: a cluster's schemas do not know them; other tests look at them.
CUSTOM = {"ServiceMonitor", "PrometheusRule"}


def tool(name):
    """A program of requirements.txt, beside the Python that runs the tests."""
    return Path(sys.executable).with_name(name)


@pytest.fixture(scope="session", params=OVERLAYS)
def overlay(request):
    """All objects of an overlay, as `kubectl apply -k` would send them."""
    folder = PROJECT / "k8s/overlays" / request.param
    text = subprocess.run(
        [tool("kubectl"), "kustomize", folder], check=True, capture_output=True, text=True
    ).stdout
    return Overlay(request.param, text)


@pytest.fixture(params=["check", "collector"])
def pod(request, overlay, tmp_path):
    """One pod of an overlay, its mounts laid out in a folder."""
    return Pod(overlay, request.param, tmp_path)


class Overlay:
    """Rendered objects."""

    def __init__(self, name, text):
        self.name = name
        self.text = text
        self.objects = list(yaml.safe_load_all(text))

    def of_kind(self, kind):
        """All objects of a kind."""
        return [each for each in self.objects if each["kind"] == kind]

    def named(self, kind, name):
        """One object; it must be there."""
        found = [each for each in self.of_kind(kind) if each["metadata"]["name"] == name]
        assert len(found) == 1, f"{self.name}: {kind} {name} is there {len(found)} times"
        return found[0]

    def templates(self):
        """Pod templates by the name of what holds them."""
        workloads = self.of_kind("Deployment") + self.of_kind("StatefulSet")
        return {each["metadata"]["name"]: each["spec"]["template"] for each in workloads}


class Pod:
    """What the container of one role is given: files, environment, arguments."""

    def __init__(self, overlay, role, root):
        self.overlay = overlay
        self.role = role
        self.root = root
        self.spec = overlay.named("Deployment", f"numguard-{role}")["spec"]["template"]["spec"]
        (self.container,) = self.spec["containers"]
        self.mounts = {each["name"]: each["mountPath"] for each in self.container["volumeMounts"]}
        self.volumes = {each["name"]: each for each in self.spec["volumes"]}
        for name, path in self.mounts.items():
            self._lay_out(self.volumes[name], self.at(path))

    def at(self, path):
        """Where a path of the pod lies here."""
        return self.root / path.lstrip("/")

    def port(self, name):
        """The number of a named port."""
        (port,) = [each for each in self.container["ports"] if each["name"] == name]
        return port["containerPort"]

    def environment(self):
        """Variables of the container, later ones winning as in a pod; paths point to here."""
        found = {}
        for source in self.container.get("envFrom", []):
            found |= self.overlay.named("ConfigMap", source["configMapRef"]["name"])["data"]
        found |= {each["name"]: each["value"] for each in self.container.get("env", [])}
        return {name: self._moved(value) for name, value in found.items()}

    def arguments(self):
        """Arguments of the container; paths point to here."""
        return [self._moved(each) for each in self.container["args"]]

    def run(self, *verb):
        """Runs a verb of the binary as this pod's configuration has it; its output."""
        arguments = self.arguments()
        assert arguments[:2] == ["serve", "--config"], arguments
        done = subprocess.run(
            [binary(), *verb, *arguments[1:]],
            env=self.environment(),
            capture_output=True,
            text=True,
        )
        assert done.returncode == 0, f"{self.overlay.name} {self.role}: {done.stderr}"
        return done.stdout

    def _moved(self, text):
        for path in self.mounts.values():
            text = text.replace(path, str(self.at(path)))
        return text

    def _lay_out(self, volume, folder):
        folder.mkdir(parents=True)
        if "configMap" in volume:
            files = self.overlay.named("ConfigMap", volume["configMap"]["name"])["data"]
            for name, text in files.items():
                (folder / name).write_text(self._moved(text))
        if "secret" in volume:
            for name, text in secrets(volume["secret"]["secretName"]).items():
                (folder / name).write_text(text)


def binary():
    """The binary under test."""
    path = os.environ.get("TESTED_NUMGUARD")
    if not path:
        raise pytest.UsageError("TESTED_NUMGUARD is not set: expected the path of numguard's binary")
    return Path(path).resolve()


def secrets(name):
    """Stand-ins for what whoever runs the cluster puts into a Secret."""
    if name.startswith("numguard-redis"):
        return {"password": "stand-in", "ca.crt": authority().cert_pem.bytes().decode()}
    if name == "numguard-client-ca":
        return {"ca.crt": authority().cert_pem.bytes().decode()}
    assert name == "numguard-tls", f"unknown Secret {name}: say in secrets() what stands in for it"
    return dict(zip(["tls.crt", "tls.key"], certificate()))


@functools.cache
def authority():
    """Who signs all certificates here."""
    return trustme.CA()


@functools.cache
def certificate():
    """A certificate and its key, as PEM."""
    issued = authority().issue_cert("localhost", "127.0.0.1")
    chain = b"".join(pem.bytes() for pem in issued.cert_chain_pems)
    return chain.decode(), issued.private_key_pem.bytes().decode()
