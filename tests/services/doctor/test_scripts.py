"""The commands that grant rights: those of the profile and no others, and they run."""

from __future__ import annotations

import json
import os
import shutil
import stat
import subprocess
from pathlib import Path

import pytest

from services.doctor import Shell, grant_script
from services.rights import cmdlets, graph_permissions
from services.settings import Profile
from simulator.permissions import READ, WRITE

APP = "11111111-1111-4111-8111-111111111111"
# A stand-in for the Azure CLI: it answers what the script asks, and writes down what it is told to change.
AZ = """#!/bin/sh
case "$*" in
  *"cloud show"*) echo https://graph.microsoft.com/ ;;
  *"ad sp show --id 8bd644d1"*) exit 3 ;;
  *"ad sp create"*) echo "CREATE $*" >> "$LOG" ;;
  *"ad sp show"*"appRoles"*) echo "role-of-${*##*value==}" | cut -d"'" -f2 | sed 's/^/role-/' ;;
  *"ad sp show --id 11111111"*) echo sp-bot ;;
  *"ad sp show"*) echo sp-resource ;;
  *POST*) echo "POST $*" >> "$LOG" ;;
  *appRoleAssignments*) echo "role-User.Read.All" ;;
  *roleAssignments*) echo fe930be7-5e62-47db-91af-98c3a49a38b1 ;;
esac
"""


@pytest.mark.parametrize("shell", Shell)
@pytest.mark.parametrize("profile", Profile)
def test_a_script_grants_exactly_what_its_profile_needs(profile: Profile, shell: Shell) -> None:
    words = set(grant_script(profile, shell, APP).replace("'", " ").split())
    assert {name for name in (*READ, *WRITE) if name in words} - {"Application.ReadWrite.All"} == graph_permissions(
        profile
    ) - {"Application.ReadWrite.All"}
    assert ("Exchange.ManageAsApp" in words) is bool(cmdlets(profile))


def test_each_profile_needs_more_than_the_one_before() -> None:
    lock, investigate, everything = (
        graph_permissions(profile) for profile in (Profile.LOCK, Profile.INVESTIGATE, Profile.EVERYTHING)
    )
    assert lock < investigate < everything
    assert not {name for name in lock if name.startswith(("Mail.", "Policy.", "Files."))}


@pytest.mark.skipif(shutil.which("sh") is None, reason="a POSIX shell is needed")
def test_the_cli_script_runs_and_leaves_what_is_granted(tmp_path: Path) -> None:
    az, log, script = tmp_path / "az", tmp_path / "log", tmp_path / "grant.sh"
    az.write_text(AZ)
    az.chmod(az.stat().st_mode | stat.S_IXUSR)
    log.touch()
    script.write_text(grant_script(Profile.EVERYTHING, Shell.CLI, APP))
    environment = {"PATH": f"{tmp_path}:{os.environ['PATH']}", "LOG": str(log)}
    done = subprocess.run(["sh", str(script)], env=environment, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stderr
    bodies = [json.loads(line.partition("--body ")[2]) for line in log.read_text().splitlines() if "--body" in line]
    granted = {body["appRoleId"] for body in bodies if "appRoleId" in body}
    wanted = {f"role-{name}" for name in (*graph_permissions(), "Exchange.ManageAsApp")}
    assert granted == wanted - {"role-User.Read.All"}
    roles = [body["roleDefinitionId"] for body in bodies if "roleDefinitionId" in body]
    assert len(roles) == 3
    assert "fe930be7-5e62-47db-91af-98c3a49a38b1" not in roles
    assert "CREATE" in log.read_text()
