"""Makes k8s/components/monitoring/prometheusrule.yaml of rules.yaml beside it: run this after a change.

Prometheus reads rules.yaml, its operator a resource with the same in it; kustomize cannot make the one
of the other.
"""

from pathlib import Path

FOLDER = Path(__file__).resolve().parents[2] / "k8s/components/monitoring"
HEAD = """\
# Made of rules.yaml by tests/kubernetes/prometheus_rule.py. Change the rules there.
apiVersion: monitoring.coreos.com/v1
kind: PrometheusRule
metadata:
  name: numguard
spec:
"""


def made():
    """The resource's text, comments and all."""
    lines = (FOLDER / "rules.yaml").read_text().splitlines(keepends=True)
    start = lines.index("groups:\n")
    return HEAD + "".join("  " + line if line.strip() else line for line in lines[start:])


if __name__ == "__main__":
    (FOLDER / "prometheusrule.yaml").write_text(made())
