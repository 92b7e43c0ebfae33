"""The files in `deploy/`: what they name is there, and the image's steps make a service that works without any rights."""

import json
import os
import re
import shlex
import subprocess
import tomllib
from configparser import RawConfigParser
from pathlib import Path
from typing import Any

import pytest
import yaml

from bot.app.wiring import known_settings
from bot.cli import UNUSABLE, cli
from tests.acceptance.processes import ROOT, free_port

DEPLOY = ROOT / "deploy"
INSTRUCTION = re.compile(r"^([A-Z]+)\s+(.*)$")


def instructions() -> list[tuple[str, str]]:
    """Those of the Dockerfile, continued lines joined."""
    text = re.sub(r"\\\n\s*", " ", (DEPLOY / "Dockerfile").read_text())
    return [(found[1], found[2]) for line in text.splitlines() if (found := INSTRUCTION.match(line))]


def stages() -> tuple[list[tuple[str, str]], list[tuple[str, str]]]:
    """What builds, and what is left."""
    steps = instructions()
    build, final = [at for at, (word, _) in enumerate(steps) if word == "FROM"]
    return steps[build + 1 : final], steps[final + 1 :]


def copied() -> list[str]:
    return [source for word, rest in stages()[0] if word == "COPY" for source in rest.split()[:-1]]


def command_exists(words: list[str]) -> bool:
    return words[0].endswith("avatarbot") and words[1] in cli.commands


def test_the_image_copies_only_what_it_may() -> None:
    allowed = {line[1:] for line in (DEPLOY / "Dockerfile.dockerignore").read_text().splitlines() if line[:1] == "!"}
    assert set(copied()) == allowed
    assert [source for source in copied() if not (ROOT / source).exists()] == []


def test_the_image_has_all_that_the_wheel_is_made_of() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())
    wheel = project["tool"]["hatch"]["build"]["targets"]["wheel"]
    assert {*wheel["packages"], *wheel["force-include"], project["project"]["readme"]} <= set(copied())


def test_the_image_has_every_extra_but_the_demos() -> None:
    extras = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["optional-dependencies"]
    (wanted,) = [rest for word, rest in stages()[0] if word == "ARG" and rest.startswith("EXTRAS=")]
    assert set(re.findall(r"--extra (\w+)", wanted)) == extras.keys() - {"demo"}
    assert [rest for word, rest in stages()[1] if word == "RUN" and "libopus0" in rest], "voice needs the system's"


def test_the_image_runs_as_nobody_and_asks_for_its_health() -> None:
    final = dict(stages()[1])
    (user,) = [rest for word, rest in stages()[1] if word == "USER"]
    assert int(user) > 0
    assert command_exists(json.loads(final["HEALTHCHECK"].partition("CMD ")[2]))
    assert command_exists([*json.loads(final["ENTRYPOINT"]), *json.loads(final["CMD"])])


def test_one_machine_has_no_rights_and_one_volume() -> None:
    compose = yaml.safe_load((DEPLOY / "compose.yaml").read_text())
    (service,) = compose["services"].values()
    assert (service["read_only"], service["cap_drop"]) == (True, ["ALL"])
    assert service["security_opt"] == ["no-new-privileges:true"]
    (mount,) = service["volumes"]
    assert mount.partition(":")[0] in compose["volumes"]
    assert (DEPLOY / service["build"]["context"] / service["build"]["dockerfile"]).is_file()
    assert service["environment"]["DATABASE_URL"].startswith(f"sqlite:///{mount.partition(':')[2]}/")


def several() -> dict[str, dict[str, Any]]:
    """The services of the file for several processes."""
    compose: dict[str, dict[str, dict[str, Any]]] = yaml.safe_load((DEPLOY / "compose.scale.yaml").read_text())
    return compose["services"]


def test_several_processes_have_each_role_and_are_asked_for_health() -> None:
    ours = {name: service for name, service in several().items() if "build" in service}
    run = [cli.commands["run"].make_context("run", service["command"][1:]) for service in ours.values()]
    assert {role for context in run for role in context.params["roles"]} == {"web", "gateway", "worker"}
    counts = {name: service.get("deploy", {}).get("replicas", 1) for name, service in ours.items()}
    assert counts == {"web": 2, "gateway": 1, "worker": 2}
    for service in ours.values():
        assert command_exists(service["healthcheck"]["test"][1:])
        assert (DEPLOY / service["build"]["context"] / service["build"]["dockerfile"]).is_file()


def test_of_several_processes_only_the_webs_are_reached() -> None:
    published = {name: service["ports"] for name, service in several().items() if "ports" in service}
    assert published == {"web": ["127.0.0.1:8080-8081:8080"]}
    for service in several().values():
        assert service["security_opt"] == ["no-new-privileges:true"]
        assert "build" not in service or (service["read_only"], service["cap_drop"]) == (True, ["ALL"])


def test_several_processes_share_one_database_behind_a_pooler() -> None:
    services = several()
    shared = {service["environment"]["DATABASE_URL"] for service in services.values() if "build" in service}
    (url,) = shared
    assert re.fullmatch(r"postgresql://\w+:\$\{POSTGRES_PASSWORD:\?[^}]+\}@pgbouncer:6432/\w+", url)
    assert services["pgbouncer"]["environment"]["POOL_MODE"] == "transaction"
    assert services["web"]["environment"]["AVATARBOT_DATABASE_HINTS"] == "off"
    for service in services.values():
        assert set(service.get("depends_on", ())) <= services.keys()
        assert service["healthcheck"]["test"][0] == "CMD"


def test_systemd_tries_again_what_may_go_well() -> None:
    unit: Any = RawConfigParser(strict=False, delimiters="=")
    unit.optionxform = str
    unit.read(DEPLOY / "avatarbot.service")
    service = unit["Service"]
    assert command_exists(shlex.split(service["ExecStart"]))
    assert (service["Restart"], int(service["RestartPreventExitStatus"])) == ("on-failure", UNUSABLE)
    assert service["DynamicUser"] == "true"


@pytest.mark.parametrize("file", ["compose.yaml", "compose.scale.yaml", "render.yaml", "fly.toml", "avatarbot.service"])
def test_each_setting_that_is_named_exists(file: str) -> None:
    named = set(
        re.findall(r"\b(?:AVATARBOT|SLACK|DISCORD|AKOOL|AGORA|DATABASE|PUBLIC)_[A-Z_]+", (DEPLOY / file).read_text())
    )
    assert "DATABASE_URL" in named
    assert named <= known_settings()


@pytest.mark.parametrize("file", ["render.yaml", "fly.toml"])
def test_a_hosted_service_is_asked_where_it_answers(file: str) -> None:
    text = (DEPLOY / file).read_text()
    assert "/healthz" in text
    assert "/data" in text
    (dockerfile,) = re.findall(r'dockerfile(?:Path)?\W+"?([\w./]*Dockerfile)', text)
    assert any((folder / dockerfile).is_file() for folder in (ROOT, DEPLOY))


def test_heroku_is_told_what_there_is() -> None:
    """The manifest's own names: https://devcenter.heroku.com/articles/app-json-schema."""
    app = json.loads((ROOT / "app.json").read_text())
    assert app.keys() <= {"name", "description", "keywords", "stack", "buildpacks", "addons", "formation", "env"}
    assert app["env"].keys() <= known_settings()
    assert all(told.keys() <= {"description", "value", "required"} for told in app["env"].values())
    asked = {name for name, told in app["env"].items() if told.get("required", True)}
    assert {"AKOOL_API_KEY", "AVATARBOT_SECRET_KEYS"} <= asked
    assert app["addons"] == ["heroku-postgresql"]
    lines = (ROOT / "Procfile").read_text().splitlines()
    started = dict(line.split(": ", 1) for line in lines if not line.startswith("#"))
    assert app["formation"].keys() <= started.keys()
    assert command_exists(shlex.split(started["web"]))


def test_heroku_installs_extras_that_there_are() -> None:
    extras = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["optional-dependencies"]
    installs = (ROOT / "bin/post_compile").read_text()
    assert {"postgres"} <= set(re.findall(r"--extra (\w+)", installs)) <= extras.keys()
    for hook in ("pre_compile", "post_compile"):
        assert os.access(ROOT / "bin" / hook, os.X_OK)
        assert subprocess.run(["bash", "-n", ROOT / "bin" / hook], check=False).returncode == 0


@pytest.mark.soak
@pytest.mark.skipif(os.geteuid() != 0, reason="only root can have a root folder of its own")
def test_the_images_steps_make_a_working_service(tmp_path: Path) -> None:
    """The steps as they stand, in a root folder over this machine's; then the service without rights, all but /data read only."""
    script = tmp_path / "steps.sh"
    script.write_text(_in_a_root_of_its_own(tmp_path))
    done = subprocess.run(
        ["unshare", "--mount", "bash", script], capture_output=True, text=True, timeout=900, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert "healthy" in done.stdout.splitlines()
    assert "Read-only file system" in done.stderr


def _in_a_root_of_its_own(base: Path) -> str:
    build, final = stages()
    (files,) = {rest.split()[-1] for word, rest in final if word == "COPY"}
    run = [_shell(word, rest) for word, rest in build]
    run += [_shell(word, rest) for word, rest in final if word in {"RUN", "ENV"}]
    serve = f"export PORT={free_port()}; avatarbot run --playground & until avatarbot healthy; do kill -0 %1; sleep 1; done; kill %1; wait %1"
    as_nobody = f"setpriv --reuid 10001 --regid 10001 --clear-groups --no-new-privs bash -ec {shlex.quote(serve)}"
    return f"""
        set -e
        mount -t tmpfs none {base}
        mkdir {base}/upper {base}/work {base}/root {base}/data
        mount -t overlay none -o lowerdir=/,upperdir={base}/upper,workdir={base}/work {base}/root
        mount --bind /proc {base}/root/proc
        mount --bind /dev {base}/root/dev
        mkdir -p {base}/root/project && mount --bind {ROOT} {base}/root/project
        chroot {base}/root bash -e -c {shlex.quote(chr(10).join(["chmod 755 /root", *run]))}
        mount --bind {base}/data {base}/root/data && chown 10001 {base}/data && chmod 700 {base}/data
        mount -t tmpfs none {base}/root/tmp && chmod 1777 {base}/root/tmp
        mount -o remount,ro {base}/root
        chroot {base}/root touch {files}/x || true
        chroot {base}/root bash -e -c {shlex.quote(chr(10).join([*_environment(final), "cd /data", as_nobody]))}
    """


def _environment(steps: list[tuple[str, str]]) -> list[str]:
    return [_shell(word, rest) for word, rest in steps if word == "ENV"] + ["export AKOOL_API_KEY=nobodys"]


def _shell(word: str, rest: str) -> str:
    """What an instruction of the Dockerfile does, in a shell."""
    match word:
        case "RUN":
            return rest
        case "ENV" | "ARG":
            return f"export {rest}"
        case "WORKDIR":
            return f"mkdir -p {rest} && cd {rest}"
        case "COPY":
            *sources, target = rest.split()
            return f"cp -r {' '.join(f'/project/{source}' for source in sources)} {target}"
    raise AssertionError(word)
