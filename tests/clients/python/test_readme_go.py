"""The Go example of the README does what it says.

Needs Go, and in the folder TESTED_GO Debian's packages of gRPC for it, unpacked (`tests/run` does that if Go is
installed). Without them it says SKIPPED.
"""

import os
import re
import shutil
import socket
import subprocess
import sys
from pathlib import Path

import grpc_tools
import pytest
from conftest import PROJECT

PACKAGES = Path(os.environ.get("TESTED_GO", "/nowhere")).resolve() / "usr"
SOURCES = PACKAGES / "share/gocode"

# Asks until the verdict is another than the one that errors end in: a debug binary on a busy machine misses
# 20 ms now and then.
PROGRAM = """package main

import (
	"context"
	"fmt"
	"os"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/metadata"
	"signup/numguardv1"
)

func ask(number string) error {
%s
	told := numguardv1.Verdict_VERDICT_ALLOW
	for tries := 0; tries < 500 && told == numguardv1.Verdict_VERDICT_ALLOW; tries++ {
		told = verdict(context.Background(), number, "GB")
	}
	fmt.Println(told)
	return nil
}

func main() {
	if err := ask(os.Args[1]); err != nil {
		fmt.Println(err)
		os.Exit(1)
	}
}
"""


@pytest.fixture(scope="module")
def built(tmp_path_factory):
    """Builds the README's Go for the server at an address; runs it with a number."""
    if shutil.which("go") is None or not SOURCES.is_dir():
        pytest.skip("SKIPPED: Go is not installed, or TESTED_GO has no gRPC for it")
    folder = tmp_path_factory.mktemp("go")
    signup = folder / "src/signup"
    signup.mkdir(parents=True)
    proto = "numguard/v1/check.proto"
    options = [f"--{of}_opt=M{proto}=signup/numguardv1" for of in ("go", "go-grpc")]
    outputs = [f"--go_out={folder / 'src'}", f"--go-grpc_out={folder / 'src'}"]
    plugins = [f"--plugin={PACKAGES / 'bin' / name}" for name in ("protoc-gen-go", "protoc-gen-go-grpc")]
    folders = [f"-I{PROJECT / 'proto'}", f"-I{Path(grpc_tools.__file__).parent / '_proto'}"]
    protoc = [sys.executable, "-m", "grpc_tools.protoc", *folders, *plugins, *outputs, *options, proto]
    subprocess.run(protoc, check=True)
    # What is built once is not built again by the next run.
    environment = os.environ | {"GO111MODULE": "off", "GOPATH": f"{folder}:{SOURCES}", "GOFLAGS": ""}
    environment |= {"GOCACHE": str(PACKAGES.parent / "cache")}
    readme = (PROJECT / "README.md").read_text()
    (code,) = re.findall(r"```go\n(.*?)```", readme, re.S)
    assert '"ca.pem"' in code and "dns:///numguard.example.com:50051" in code
    # Debian's gRPC is of 2020 and has the older name of the same function.
    code = code.replace("grpc.NewClient(", "grpc.Dial(") if is_old() else code
    count = iter(range(9))

    def build(address, authority):
        ours = code.replace('"ca.pem"', f'"{authority}"').replace("numguard.example.com:50051", address)
        program = folder / f"signup{next(count)}"
        (signup / "main.go").write_text(PROGRAM % ours)
        subprocess.run(["go", "build", "-o", program, "signup"], check=True, cwd=folder, env=environment)

        def verdict(number, key):
            shown = os.environ | {"NUMGUARD_API_KEY": key}
            ran = subprocess.run([program, number], env=shown, capture_output=True, text=True, timeout=90)
            return ran.stdout.strip()

        return verdict

    return build


def is_old():
    """Whether this gRPC has no NewClient yet."""
    text = (SOURCES / "src/google.golang.org/grpc/clientconn.go").read_text()
    return "func NewClient(" not in text


def test_it_tells_the_verdict_and_lets_pass_what_is_not_answered(built, secured, starter):
    """A listed number is challenged; a wrong key and a server that is away are no verdicts."""
    listed = starter[60_000][0]
    verdict = built(secured.address, secured.authority)
    assert verdict(listed, secured.key) == "VERDICT_CHALLENGE"
    assert verdict(listed, "ng_wrong") == "VERDICT_ALLOW"
    with socket.create_server(("127.0.0.1", 0)) as gone:
        port = gone.getsockname()[1]
    assert built(f"localhost:{port}", secured.authority)(listed, secured.key) == "VERDICT_ALLOW"
