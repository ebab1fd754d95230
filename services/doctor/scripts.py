"""The commands with which an administrator grants what a profile needs, as text to read before it is run."""

from __future__ import annotations

from collections.abc import Iterator
from enum import StrEnum

from services.doctor.examine import ENTRA_ROLES
from services.microsoft365.exchange import PERMISSION as EXCHANGE_APP_ROLE
from services.rights import cmdlets, graph_permissions
from services.settings import Profile

_GRAPH_APP = "00000003-0000-0000-c000-000000000000"
_EXCHANGE_APP = "00000002-0000-0ff1-ce00-000000000000"
_TRACE_APP = "8bd644d1-64a1-4d4b-ae52-2e0cbf64e373"  # must exist in a tenant before messages can be traced by Graph
_TRACE = "ExchangeMessageTrace.Read.All"
_EXCHANGE_ROLE = "29232cdf-9323-42fd-ade2-1d097af3e4de"
_DEVICE_ROLE = "7698a772-787b-4ac8-901f-60d6b08affd2"


class Shell(StrEnum):
    """In which tongue: Microsoft Graph PowerShell, or the Azure CLI in a POSIX shell."""

    CLI = "cli"
    POWERSHELL = "powershell"


def grant_script(profile: Profile, shell: Shell, app_id: str) -> str:
    """The whole script. It may be run again: what is granted already stays."""
    lines = _powershell(profile, app_id) if shell is Shell.POWERSHELL else _cli(profile, app_id)
    return "\n".join(lines) + "\n"


def _grants(profile: Profile) -> list[tuple[str, str]]:
    """Each resource app with the app role to grant."""
    found = [(_GRAPH_APP, name) for name in sorted(graph_permissions(profile))]
    return [*found, (_EXCHANGE_APP, EXCHANGE_APP_ROLE)] if cmdlets(profile) else found


def _roles(profile: Profile) -> dict[str, str]:
    """The Entra roles of the profile: template id and name."""
    left_out = set() if cmdlets(profile) else {_EXCHANGE_ROLE}
    if profile is not Profile.EVERYTHING:
        left_out.add(_DEVICE_ROLE)
    return {role: name for role, (name, _) in ENTRA_ROLES.items() if role not in left_out}


def _powershell(profile: Profile, app_id: str) -> Iterator[str]:
    yield f"# What IRBot needs for the profile '{profile}'. Run it as Global Administrator in PowerShell 7."
    yield "param([string] $Environment = 'Global')  # of Connect-MgGraph: USGov, USGovDoD or China"
    yield "$ErrorActionPreference = 'Stop'"
    yield "Connect-MgGraph -Environment $Environment -Scopes AppRoleAssignment.ReadWrite.All, `"
    yield "    Application.ReadWrite.All, RoleManagement.ReadWrite.Directory"
    yield f"$bot = Get-MgServicePrincipal -Filter \"appId eq '{app_id}'\""
    yield "if (-not $bot) { throw 'The app has no service principal in this tenant.' }"
    if _TRACE in graph_permissions(profile):
        yield f"if (-not (Get-MgServicePrincipal -Filter \"appId eq '{_TRACE_APP}'\")) {{"
        yield f"    New-MgServicePrincipal -AppId '{_TRACE_APP}' | Out-Null"
        yield "}"
    yield "$granted = Get-MgServicePrincipalAppRoleAssignment -ServicePrincipalId $bot.Id -All"
    yield "function Grant($resourceAppId, $name) {"
    yield "    $resource = Get-MgServicePrincipal -Filter \"appId eq '$resourceAppId'\""
    yield "    $role = $resource.AppRoles | Where-Object {"
    yield "        $_.Value -eq $name -and $_.AllowedMemberTypes -contains 'Application' }"
    yield '    if (-not $role) { throw "There is no application permission $name." }'
    yield "    if ($granted | Where-Object {"
    yield "        $_.AppRoleId -eq $role.Id -and $_.ResourceId -eq $resource.Id }) { return }"
    yield "    New-MgServicePrincipalAppRoleAssignment -ServicePrincipalId $bot.Id -PrincipalId $bot.Id `"
    yield "        -ResourceId $resource.Id -AppRoleId $role.Id | Out-Null"
    yield '    Write-Host "Granted $name"'
    yield "}"
    for resource, name in _grants(profile):
        yield f"Grant '{resource}' '{name}'"
    yield "$held = Get-MgRoleManagementDirectoryRoleAssignment -Filter \"principalId eq '$($bot.Id)'\" -All"
    for role, name in _roles(profile).items():
        yield f"if (-not ($held | Where-Object {{ $_.RoleDefinitionId -eq '{role}' }})) {{  # {name}"
        yield f"    New-MgRoleManagementDirectoryRoleAssignment -PrincipalId $bot.Id -RoleDefinitionId '{role}' `"
        yield "        -DirectoryScopeId '/' | Out-Null"
        yield "}"


def _cli(profile: Profile, app_id: str) -> Iterator[str]:
    yield "#!/bin/sh"
    yield f"# What IRBot needs for the profile '{profile}'. Run it after `az login` as Global Administrator."
    yield "set -eu"
    yield "graph=$(az cloud show --query endpoints.microsoftGraphResourceId --output tsv | sed 's:/*$::')/v1.0"
    yield f"bot=$(az ad sp show --id {app_id} --query id --output tsv)"
    if _TRACE in graph_permissions(profile):
        yield f"az ad sp show --id {_TRACE_APP} >/dev/null 2>&1 || az ad sp create --id {_TRACE_APP} >/dev/null"
    yield 'granted=$(az rest --method GET --url "$graph/servicePrincipals/$bot/appRoleAssignments?\\$top=999" \\'
    yield "    --query 'value[].appRoleId' --output tsv)"
    yield "grant() {"
    yield '    resource=$(az ad sp show --id "$1" --query id --output tsv)'
    yield '    role=$(az ad sp show --id "$1" --query "appRoles[?value==\'$2\'].id | [0]" --output tsv)'
    yield '    case "$granted" in *"$role"*) return ;; esac'
    yield '    az rest --method POST --url "$graph/servicePrincipals/$bot/appRoleAssignments" \\'
    yield _body(principalId="$bot", resourceId="$resource", appRoleId="$role")
    yield '    echo "Granted $2"'
    yield "}"
    for resource, name in _grants(profile):
        yield f"grant {resource} {name}"
    yield "held=$(az rest --method GET --query 'value[].roleDefinitionId' --output tsv \\"
    yield "    --url \"$graph/roleManagement/directory/roleAssignments?\\$filter=principalId eq '$bot'\")"
    yield "assign() {"
    yield '    case "$held" in *"$1"*) return ;; esac'
    yield '    az rest --method POST --url "$graph/roleManagement/directory/roleAssignments" \\'
    yield _body(principalId="$bot", roleDefinitionId="$1", directoryScopeId="/")
    yield "}"
    for role, name in _roles(profile).items():
        yield f"assign {role}  # {name}"


def _body(**fields: str) -> str:
    """A JSON body within a shell's double quotes, so that variables are filled in."""
    inside = ",".join(f'\\"{name}\\":\\"{value}\\"' for name, value in fields.items())
    return f'        --body "{{{inside}}}" >/dev/null'
