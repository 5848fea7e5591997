"""The units of ``deploy/`` hold what the documents promise of them, and start what there is."""

from __future__ import annotations

import os
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from configs import CHECKOUT
from flows.cli import parser
from flows.engine import KEPT_BYTES

DEPLOY = CHECKOUT / "deploy"
SERVICES = ("climate-risk-schedule.service", "climate-risk-daily@.service")
HARDENED = {
    "User": ["climate-risk"],
    "StateDirectory": ["climate-risk"],
    "ProtectSystem": ["strict"],
    "ProtectHome": ["yes"],
    "PrivateTmp": ["yes"],
    "NoNewPrivileges": ["yes"],
    "CapabilityBoundingSet": [""],
    "RestrictAddressFamilies": ["AF_INET AF_INET6 AF_UNIX"],
    "SystemCallFilter": ["@system-service", "~@privileged @resources @keyring @mount"],
    "EnvironmentFile": ["-/etc/climate-risk/secrets.env"],
}


def section(name: str, title: str) -> dict[str, list[str]]:
    """The keys of one section of a unit, each with all of its values: a key may stand twice."""
    found, inside = dict[str, list[str]](), False
    for line in (DEPLOY / name).read_text(encoding="utf-8").splitlines():
        if line.startswith("["):
            inside = line == f"[{title}]"
        elif inside and line and not line.startswith("#"):
            key, _, value = line.partition("=")
            found.setdefault(key, []).append(value)
    return found


@pytest.mark.parametrize("name", SERVICES)
def test_a_service_is_shut_in(name: str) -> None:
    service = section(name, "Service")
    assert {key: service.get(key) for key in HARDENED} == HARDENED


def test_both_services_are_shut_in_alike() -> None:
    own = {"Type", "ExecStart", "Restart", "RestartSec", "TimeoutStopSec", "KillMode"}
    own |= {"SuccessExitStatus", "TimeoutStartSec"}
    one, other = (section(name, "Service") for name in SERVICES)
    assert {k: v for k, v in one.items() if k not in own} == {
        k: v for k, v in other.items() if k not in own
    }


@pytest.mark.parametrize("name", SERVICES)
def test_a_service_gives_a_command_that_there_is(name: str) -> None:
    (command,) = section(name, "Service")["ExecStart"]
    program, *words = shlex.split(command.replace("%i", "tunis").replace("$REGIONS", ""))
    assert Path(program).name == "climate-risk"
    assert parser().parse_args(words).run is not None


def test_the_home_is_the_one_folder_that_can_be_written() -> None:
    for name in SERVICES:
        values = section(name, "Service")["Environment"]
        assert any("CLIMATE_RISK_HOME=/var/lib/climate-risk" in value for value in values)
    degraded = section("climate-risk-daily@.service", "Service")["SuccessExitStatus"]
    assert degraded == ["3"]
    assert section("climate-risk-daily@.timer", "Timer")["Persistent"] == ["true"]


def test_the_commands_of_the_page_name_files_that_there_are() -> None:
    page = (CHECKOUT / "docs" / "operations.md").read_text(encoding="utf-8")
    assert all(unit in page for unit in ("climate-risk-schedule", "climate-risk-daily@tunis.timer"))
    assert "install -D -m 0600 /usr/local/lib/climate-risk/deploy/secrets.env" in page
    assert (DEPLOY / "secrets.env").is_file() and (DEPLOY / "climate-risk-daily@.timer").is_file()
    assert "\ninstall: " in (CHECKOUT / "Makefile").read_text(encoding="utf-8")


def test_systemd_takes_the_units_and_finds_them_little_exposed(tmp_path: Path) -> None:
    if shutil.which("systemd-analyze") is None:
        pytest.skip("needs systemd-analyze (apt-get install systemd)")
    for path in DEPLOY.glob("climate-risk-*"):
        text = path.read_text(encoding="utf-8")
        program = "/usr/local/lib/climate-risk/.venv/bin/climate-risk"
        (tmp_path / path.name).write_text(text.replace(program, "/bin/true"), encoding="utf-8")
    units = sorted(str(path) for path in tmp_path.iterdir())
    done = subprocess.run(["systemd-analyze", "verify", *units], capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (0, "")
    for unit in units:
        if unit.endswith(".service"):
            asked = ["systemd-analyze", "security", "--offline=true", "--threshold=20", unit]
            done = subprocess.run(asked, capture_output=True, text=True)
            assert done.returncode == 0, done.stdout[-200:]  # at most 2.0 of 10


ASKED = """
import os
import psutil, httpx
from flows.engine import engine

def told(port):
    pages = []
    for path in ("", "health", "metrics", "info/main/workers.html", "json/counts.json"):
        try:
            if httpx.get(f"http://127.0.0.1:{port}/{path}", timeout=5).status_code != 404:
                pages.append(path)
        except httpx.HTTPError:  # it speaks no HTTP
            pass
    return pages

with engine() as opened:
    print(set(opened.each(pow, range(4), 2)), opened.client.scheduler.address)
    for name in ("MALLOC_TRIM_THRESHOLD_", "MALLOC_MMAP_THRESHOLD_"):
        print(name, set(opened.client.run(os.getenv, name).values()))
    family = psutil.Process(OWNER).children(recursive=True) + [psutil.Process(OWNER)]
    ports = {
        one.laddr.port
        for process in family
        for one in process.net_connections("tcp")
        if one.status == psutil.CONN_LISTEN
    }
    print(len(ports) >= 4, [page for port in ports for page in told(port)])
"""
"""Work for a cluster, and a look at its workers' memory and at what its processes show by HTTP."""
KEPT = [
    f"{name} {{'{KEPT_BYTES}'}}" for name in ("MALLOC_TRIM_THRESHOLD_", "MALLOC_MMAP_THRESHOLD_")
]


def test_a_cluster_of_one_setting_shows_nothing_without_a_password() -> None:
    environment = os.environ | {"PYTHONPATH": str(CHECKOUT), "CLIMATE_RISK_DASK": "local:2"}
    asked = ASKED.replace("OWNER", "os.getpid()")
    said = subprocess.run(
        [sys.executable, "-W", "error", "-c", f"if __name__ == '__main__':\n{indented(asked)}"],
        env=environment, capture_output=True, text=True, check=False, timeout=240,
    )  # fmt: skip
    assert said.returncode == 0 and not said.stderr, said.stderr
    assert "{0, 1, 4, 9}" in said.stdout and "True []" in said.stdout
    assert said.stdout.splitlines()[1:3] == KEPT


def indented(text: str) -> str:
    """A text as a block of Python."""
    return "".join(f"    {line}\n" for line in text.splitlines())


@pytest.mark.skipif(not shutil.which("openssl"), reason="openssl is missing")
def test_a_cluster_of_this_machine_works_and_ends_with_its_command() -> None:
    environment = os.environ | {
        "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}",
        "PYTHONPATH": str(CHECKOUT),
    }
    said = subprocess.run(
        [DEPLOY / "cluster.sh", sys.executable, "-c", ASKED.replace("OWNER", "os.getppid()")],
        env=environment, capture_output=True, text=True, check=False, timeout=240,
    )  # fmt: skip
    assert said.returncode == 0, said.stderr
    assert "{0, 1, 4, 9}" in said.stdout and "tls://127.0.0.1:" in said.stdout
    assert "True []" in said.stdout and said.stdout.splitlines()[1:3] == KEPT


def test_the_manifest_of_a_cluster_fits_what_workers_need() -> None:
    """Not run anywhere: names, mounts and certificates agree, and nobody reaches it without one."""
    text = (DEPLOY / "dask-cluster.yaml").read_text(encoding="utf-8")
    cluster = yaml.safe_load(text)
    assert (cluster["apiVersion"], cluster["kind"]) == ("kubernetes.dask.org/v1", "DaskCluster")
    name = cluster["metadata"]["name"]
    parts = cluster["spec"]["worker"]["spec"], cluster["spec"]["scheduler"]["spec"]
    for part in parts:
        (container,) = part["containers"]
        environment = {each["name"]: each["value"] for each in container["env"]}
        assert environment["DASK_DISTRIBUTED__COMM__REQUIRE_ENCRYPTION"] == "true"
        assert environment["DASK_DISTRIBUTED__SCHEDULER__HTTP__ROUTES"] == "[]"
        assert environment["MALLOC_TRIM_THRESHOLD_"] == str(KEPT_BYTES)
        assert environment["MALLOC_MMAP_THRESHOLD_"] == str(KEPT_BYTES)
        mounted = {each["mountPath"]: each["name"] for each in container["volumeMounts"]}
        assert environment["CLIMATE_RISK_HOME"] in mounted
        files = [value for value in environment.values() if value.endswith(".pem")]
        assert files and all(str(Path(file).parent) in mounted for file in files)
        assert set(mounted.values()) == {volume["name"] for volume in part["volumes"]}
        assert container["resources"]["limits"]["memory"]
        assert part["securityContext"]["runAsNonRoot"]
        assert container["args"][0] == "dask"
    service = cluster["spec"]["scheduler"]["service"]
    assert service["type"] == "ClusterIP"
    assert service["selector"]["dask.org/cluster-name"] == name
    assert f"tls://{name}-scheduler.{cluster['metadata']['namespace']}:8786" in text
