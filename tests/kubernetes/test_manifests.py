"""The manifests fit the cluster's schemas, each other, and the binary."""

import ipaddress
import json
import os
import re
import shutil
import subprocess
import tomllib

import kubernetes_validate
import prometheus_rule
import pytest
from conftest import CUSTOM, PROJECT, tool


def selects(selector, labels):
    """Whether a selector of equal labels takes in these labels."""
    return selector.items() <= labels.items()


def pods_of(overlay, selector):
    """Names of the workloads whose pods a selector takes in."""
    templates = overlay.templates().items()
    return [name for name, pod in templates if selects(selector, pod["metadata"]["labels"])]


def port_names(overlay, workload):
    """Names of the ports of a workload's pods."""
    containers = overlay.templates()[workload]["spec"]["containers"]
    return {port["name"] for container in containers for port in container["ports"]}


def test_every_object_fits_its_schema(overlay):
    """Strictly: no field that the cluster does not know."""
    for each in overlay.objects:
        if each["kind"] not in CUSTOM:
            kubernetes_validate.validate(each, "1.37", strict=True)


def test_checkov_finds_nothing(overlay, tmp_path):
    """Nothing but what k8s/checkov.yaml leaves out, each with its reason."""
    rendered = tmp_path / f"{overlay.name}.yaml"
    rendered.write_text(overlay.text)
    checkov = os.environ.get("TESTED_CHECKOV")
    if not checkov:
        pytest.skip("SKIPPED: TESTED_CHECKOV is not set")
    done = subprocess.run(
        [checkov, "--config-file", PROJECT / "k8s/checkov.yaml", "-f", rendered],
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    passed = re.search(r"Passed checks: (\d+)", done.stdout)
    assert passed and int(passed[1]) > 100, f"checkov has not looked at much: {done.stdout}"


def test_the_binary_takes_the_configuration(pod):
    """Every setting of file and environment is known and right, and every file that it names is mounted."""
    assert "are right" in pod.run("config", "check")


def test_ports_and_folders_are_those_of_the_configuration(pod):
    """The binary listens where Services, probes and Prometheus look, and writes where it may."""
    settings = tomllib.loads(pod.run("config", "show"))
    assert settings["listen"] == f"0.0.0.0:{pod.port('grpc')}"
    assert settings["metrics"]["listen"] == f"0.0.0.0:{pod.port('metrics')}"
    assert settings["data_dir"] == str(pod.at(pod.mounts["data"]))
    assert settings["redis"]["url"], "pods without a shared store would each have a list of their own"
    assert settings["log"]["format"] == "json"


def test_only_the_collector_asks_websites_and_takes_changes(pod):
    """What must outlive a pod is the collector's, and lies on a volume that does."""
    settings = tomllib.loads(pod.run("config", "show"))
    collects = pod.role == "collector" and pod.overlay.name != "dev"
    assert settings["collect"]["enabled"] is collects
    assert settings["takes_changes"] is (pod.role == "collector")
    data = pod.volumes["data"]
    assert ("persistentVolumeClaim" if pod.role == "collector" else "emptyDir") in data
    if pod.role == "collector":
        pod.overlay.named("PersistentVolumeClaim", data["persistentVolumeClaim"]["claimName"])
        deployment = pod.overlay.named("Deployment", "numguard-collector")["spec"]
        assert (deployment["replicas"], deployment["strategy"]) == (1, {"type": "Recreate"})


def test_a_pod_is_given_the_time_to_drain(pod):
    """The grace period holds the pause before SIGTERM, the drain, and ten seconds to save the index."""
    drain = tomllib.loads(pod.run("config", "show"))["drain_seconds"]
    pause = pod.container["lifecycle"]["preStop"]["sleep"]["seconds"]
    assert pod.spec["terminationGracePeriodSeconds"] >= pause + drain + 10


def test_new_pods_have_work_soon(pod):
    """A gRPC client looks for new pods when a connection ends, so that must be soon beside the autoscaler."""
    settings = tomllib.loads(pod.run("config", "show"))
    (scaler,) = pod.overlay.of_kind("HorizontalPodAutoscaler")
    pause = scaler["spec"]["behavior"]["scaleDown"]["stabilizationWindowSeconds"]
    assert settings["access"]["connection_age_seconds"] <= pause


def test_services_lead_to_pods(overlay):
    """Each Service takes in one workload, which has the ports it names."""
    for service in overlay.of_kind("Service"):
        (workload,) = pods_of(overlay, service["spec"]["selector"])
        targets = {port["targetPort"] for port in service["spec"]["ports"]}
        assert targets <= port_names(overlay, workload), service["metadata"]["name"]


def test_the_service_for_checks_is_headless(overlay):
    """A gRPC client must see every pod."""
    assert overlay.named("Service", "numguard-check")["spec"]["clusterIP"] == "None"


def test_budget_and_autoscaler_hold_the_checks(overlay):
    """Both name the Deployment of checks, which leaves the count to the autoscaler."""
    (budget,) = overlay.of_kind("PodDisruptionBudget")
    assert pods_of(overlay, budget["spec"]["selector"]["matchLabels"]) == ["numguard-check"]
    (scaler,) = overlay.of_kind("HorizontalPodAutoscaler")
    target = scaler["spec"]["scaleTargetRef"]
    deployment = overlay.named(target["kind"], target["name"])
    assert target["name"] == "numguard-check" and "replicas" not in deployment["spec"]
    assert scaler["spec"]["minReplicas"] >= 2


def test_nothing_is_open_but_what_is_named(overlay):
    """A policy denies all; every other one takes in pods and names ports that these pods have."""
    policies = {each["metadata"]["name"]: each["spec"] for each in overlay.of_kind("NetworkPolicy")}
    deny = policies.pop("default-deny")
    assert deny == {"podSelector": {}, "policyTypes": ["Ingress", "Egress"]}
    for name, policy in policies.items():
        taken_in = pods_of(overlay, policy["podSelector"].get("matchLabels", {}))
        assert taken_in, f"{name} takes in no pod"
        for rule in policy.get("ingress", []):
            assert rule["from"], f"{name} is open to all"
            for port in rule["ports"]:
                assert all(port["port"] in port_names(overlay, each) for each in taken_in), name
        for rule in policy.get("egress", []):
            assert rule["to"] and rule["ports"], f"{name} leads everywhere"


def test_only_the_collector_reaches_the_internet(overlay):
    """Checks reach names and Redis; the collector public addresses on two ports, and no private one."""
    wide = []
    for policy in overlay.of_kind("NetworkPolicy"):
        for rule in policy["spec"].get("egress", []):
            for block in [to["ipBlock"] for to in rule["to"] if "ipBlock" in to]:
                if ipaddress.ip_network(block["cidr"]).prefixlen < 16:
                    wide.append((policy, rule, block))
    assert {each[2]["cidr"] for each in wide} == {"0.0.0.0/0", "::/0"}
    for policy, rule, block in wide:
        assert pods_of(overlay, policy["spec"]["podSelector"]["matchLabels"]) == ["numguard-collector"]
        assert {port["port"] for port in rule["ports"]} == {80, 443}
        private = ["10.1.2.3", "172.16.0.1", "192.168.1.1", "169.254.169.254", "100.64.0.1", "127.0.0.1"]
        if ":" in block["cidr"]:
            private = ["fd00::1", "fe80::1"]
        for address in map(ipaddress.ip_address, private):
            assert any(address in ipaddress.ip_network(each) for each in block["except"]), address


def test_the_operator_of_prometheus_is_given_the_same_rules(overlay):
    """prometheusrule.yaml is made of rules.yaml, and the scrape's job is the one that the rules name."""
    made = prometheus_rule.made()
    assert (prometheus_rule.FOLDER / "prometheusrule.yaml").read_text() == made, (
        "run python3 tests/kubernetes/prometheus_rule.py"
    )
    for monitor in overlay.of_kind("ServiceMonitor"):
        assert 'job="numguard"' in made and monitor["spec"]["jobLabel"] == "app.kubernetes.io/name"
        scraped = [
            service
            for service in overlay.of_kind("Service")
            if selects(monitor["spec"]["selector"]["matchLabels"], service["metadata"]["labels"])
        ]
        names = {service["metadata"]["name"] for service in scraped}
        assert names == {"numguard-check", "numguard-collector"}
        for service in scraped:
            assert service["metadata"]["labels"]["app.kubernetes.io/name"] == "numguard"
            ports = {port["name"] for port in service["spec"]["ports"]}
            assert {endpoint["port"] for endpoint in monitor["spec"]["endpoints"]} <= ports


def test_pods_are_as_restricted_as_can_be(overlay):
    """Pod Security "restricted" is enforced, no pod has a token, and every root is read-only."""
    (namespace,) = overlay.of_kind("Namespace")
    assert namespace["metadata"]["labels"]["pod-security.kubernetes.io/enforce"] == "restricted"
    for name, template in overlay.templates().items():
        spec = template["spec"]
        assert spec["automountServiceAccountToken"] is False, name
        assert spec["securityContext"]["runAsNonRoot"] is True, name
        assert spec["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}, name
        for container in spec["containers"]:
            context = container["securityContext"]
            assert context["readOnlyRootFilesystem"] is True, name
            assert context["allowPrivilegeEscalation"] is False, name
            assert context["capabilities"] == {"drop": ["ALL"]}, name


def test_the_containerfile_is_the_image_of_the_manifests(pod):
    """Linted; its user, ports and folder are the pod's."""
    containerfile = PROJECT / "Containerfile"
    done = subprocess.run([tool("hadolint"), containerfile], capture_output=True, text=True)
    assert done.returncode == 0, done.stdout
    says = dict(re.findall(r"^(USER|EXPOSE|WORKDIR|ENTRYPOINT) (.*)$", containerfile.read_text(), re.M))
    context = pod.spec["securityContext"]
    assert says["USER"] == f"{context['runAsUser']}:{context['runAsGroup']}"
    assert says["EXPOSE"].split() == [str(pod.port("grpc")), str(pod.port("metrics"))]
    assert says["WORKDIR"] == pod.mounts["data"]
    assert says["ENTRYPOINT"] == '["/usr/bin/numguard"]'
    assert "command" not in pod.container


def test_the_image_is_built_of_what_is_copied(tmp_path):
    """Each COPY is there and not ignored; Cargo reads the manifest in it; no source names a file outside."""
    copied = re.findall(r"^COPY (?!--from)(.+) \S+$", (PROJECT / "Containerfile").read_text(), re.M)
    names = [name for line in copied for name in line.split()]
    ignored = (PROJECT / ".dockerignore").read_text().splitlines()
    assert ignored[1] == "*" and set(names) == {line[1:] for line in ignored if line.startswith("!")}
    for name in names:
        target = tmp_path / name
        target.parent.mkdir(parents=True, exist_ok=True)
        (shutil.copytree if (PROJECT / name).is_dir() else shutil.copy)(PROJECT / name, target)
    command = ["cargo", "metadata", "--locked", "--offline", "--no-deps", "--format-version", "1"]
    targets = json.loads(subprocess.run(command, cwd=tmp_path, check=True, capture_output=True).stdout)
    (package,) = targets["packages"]
    scripts = [each for each in package["targets"] if set(each["kind"]) & {"lib", "bin", "custom-build"}]
    assert len(scripts) == 3 and all(os.path.exists(each["src_path"]) for each in scripts)
    named = 0
    for source in [*tmp_path.glob("src/**/*.rs"), *tmp_path.glob("proto/**/*.rs")]:
        for file in re.findall(r'include_(?:str|bytes)!\("([^"]+)"\)', source.read_text()):
            assert (source.parent / file).resolve().is_relative_to(tmp_path) and (source.parent / file).exists(), file
            named += 1
    assert named > 5
