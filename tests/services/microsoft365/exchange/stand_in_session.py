"""A program that answers like `session.ps1`, without PowerShell: it hands each line to the simulated tenant.

Started with the address of InvokeCommand, the address of EXOModuleFile, a token, and a mode: "" or what to do wrong.
"""

from __future__ import annotations

import json
import sys
import time
import urllib.error
import urllib.request
from typing import Any

INVOKE, MODULE_FILE, TOKEN, MODE = sys.argv[1:5]
HEADERS = {
    "Authorization": f"Bearer {TOKEN}",
    "Content-Type": "application/json",
    "X-AnchorMailbox": "APP:SystemMailbox{bb558c35-97f1-4cb9-8ff7-d53741dc928c}",
}


def ask(url: str, body: Any | None, headers: dict[str, str]) -> tuple[int, bytes]:
    data = None if body is None else json.dumps(body).encode()
    try:
        with urllib.request.urlopen(urllib.request.Request(url, data, headers)) as answer:
            return answer.status, answer.read()
    except urllib.error.HTTPError as refusal:
        return refusal.code, refusal.read()


def decode(value: Any) -> Any:
    if isinstance(value, dict) and "@edit" in value:
        return {"@odata.type": "#Exchange.GenericHashTable", **value["@edit"]}
    return value


def run(request: dict[str, Any]) -> dict[str, Any]:
    cmdlet = request["cmdlet"]
    if cmdlet == "Get-Command":
        _, raw = ask(f"{MODULE_FILE}?Version=3.9.2", None, HEADERS | {"CommandName": "*"})
        names = [name for part in json.loads(raw)["value"] for name in part["exportedCmdlets"].split(",")]
        return {"ok": True, "records": [{"Names": names}], "warnings": []}
    parameters = {name: decode(value) for name, value in request["parameters"].items()}
    body = {"CmdletInput": {"CmdletName": cmdlet, "Parameters": parameters}}
    url: str | None = INVOKE
    records: list[dict[str, Any]] = []
    warnings: list[str] = []
    while url:
        status, raw = ask(url, body, HEADERS)
        if status == 403:
            return {"ok": False, "exception": "CommandNotFoundException", "message": "not recognised", "error_id": ""}
        answer = json.loads(raw)
        if status >= 300:
            message = (answer["error"].get("details") or [answer["error"]])[0]["message"]
            return {"ok": False, "exception": "RestClientException", "message": message, "error_id": ""}
        records += [{k: v for k, v in row.items() if "@" not in k} for row in answer["value"]]
        warnings += answer["@adminapi.warnings"]
        url = answer.get("@odata.nextLink")
    return {"ok": True, "records": records, "warnings": warnings}


def main() -> None:
    json.loads(sys.stdin.readline())
    if MODE == "refuse":
        print(json.dumps({"id": 0, "ok": False, "exception": "AuthenticationException"}), flush=True)
        return
    print(json.dumps({"id": 0, "ok": True, "records": [], "warnings": []}), flush=True)
    for line in sys.stdin:
        request = json.loads(line)
        if MODE == "hang":
            time.sleep(60)
        if MODE == "die":
            run(request)
            return
        if MODE == "babble":
            print("WARNING: something that is no answer", flush=True)
            continue
        sys.stderr.write("x" * 100_000)
        print(json.dumps({"id": request["id"], **run(request)}), flush=True)


main()
