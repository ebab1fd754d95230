"""Microsoft's own libraries against the simulator: msal for tokens over HTTPS, msgraph-sdk for the main operations."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import msal
import pytest
import requests
from kiota_abstractions.authentication import (
    AccessTokenProvider,
    AllowedHostsValidator,
    BaseBearerTokenAuthenticationProvider,
)
from kiota_abstractions.base_request_configuration import RequestConfiguration
from msgraph.generated.models.o_data_errors.o_data_error import ODataError
from msgraph.generated.models.password_profile import PasswordProfile
from msgraph.generated.models.user import User
from msgraph.generated.users.item.check_member_groups.check_member_groups_post_request_body import (
    CheckMemberGroupsPostRequestBody,
)
from msgraph.generated.users.users_request_builder import UsersRequestBuilder
from msgraph.graph_request_adapter import GraphRequestAdapter
from msgraph.graph_service_client import GraphServiceClient

from simulator.faults import Fault
from simulator.people import APPROVERS
from simulator.server import Simulator


class Provider(AccessTokenProvider):
    """Tokens by msal, fetched in a thread as the product does."""

    def __init__(self, sim: Simulator) -> None:
        self._environment = sim.environment()
        self._token: str | None = None

    def _fetch(self) -> str:
        with requests.Session() as session:
            session.trust_env = False
            session.verify = self._environment["IRBOT_CA_FILE"]
            app = msal.ConfidentialClientApplication(
                self._environment["IRBOT_APP_ID"],
                authority=f"{self._environment['IRBOT_LOGIN_URL']}/{self._environment['IRBOT_TENANT_ID']}",
                client_credential=self._environment["IRBOT_APP_SECRET"],
                http_client=session,
                instance_discovery=False,
            )
            return str(app.acquire_token_for_client(["https://graph.microsoft.com/.default"])["access_token"])

    async def get_authorization_token(self, uri: str, additional_authentication_context: Any = None) -> str:
        if self._token is None:
            self._token = await asyncio.to_thread(self._fetch)
        return self._token

    def get_allowed_hosts_validator(self) -> AllowedHostsValidator:
        return AllowedHostsValidator(["127.0.0.1"])


@pytest.fixture
async def client(sim: Simulator) -> AsyncIterator[GraphServiceClient]:
    adapter = GraphRequestAdapter(BaseBearerTokenAuthenticationProvider(Provider(sim)))
    adapter.base_url = f"{sim.url}/graph/v1.0"
    yield GraphServiceClient(request_adapter=adapter)
    await adapter._http_client._transport.transport.aclose()  # the SDK's own aclose leaves the pool open


async def test_the_sdk_locks_an_account(sim: Simulator, client: GraphServiceClient) -> None:
    megan = sim.world.tenant.user("megan")
    found = await client.users.by_user_id("megan@contoso.com").get()
    assert found is not None
    assert found.id == megan.id
    await client.users.by_user_id(megan.id).patch(User(account_enabled=False))
    revoked = await client.users.by_user_id(megan.id).revoke_sign_in_sessions.post()
    assert revoked is not None
    assert revoked.value is True
    profile = PasswordProfile(password="Vx4!qqLmTr92#zzK", force_change_password_next_sign_in=True)
    await client.users.by_user_id(megan.id).patch(User(password_profile=profile))
    assert not megan.enabled
    assert megan.active_sessions() == []
    assert megan.password.version == 2


async def test_the_sdk_filters_selects_and_pages(client: GraphServiceClient) -> None:
    parameters = UsersRequestBuilder.UsersRequestBuilderGetQueryParameters(
        filter="startswith(displayName,'Joni')", select=["id", "displayName", "accountEnabled"], top=1
    )
    page = await client.users.get(RequestConfiguration(query_parameters=parameters))
    assert page is not None
    assert page.value is not None
    assert page.odata_next_link is not None
    following = await client.users.with_url(page.odata_next_link).get()
    assert following is not None
    assert following.value is not None
    assert page.value[0].id != following.value[0].id
    assert following.odata_next_link is None


async def test_the_sdk_checks_membership(sim: Simulator, client: GraphServiceClient) -> None:
    group = sim.world.tenant.group(APPROVERS).id
    adele = sim.world.tenant.user("adele").id
    answer = await client.users.by_user_id(adele).check_member_groups.post(
        CheckMemberGroupsPostRequestBody(group_ids=[group])
    )
    assert answer is not None
    assert answer.value == [group]


async def test_the_sdk_reads_roles_methods_rules_and_the_organisation(client: GraphServiceClient) -> None:
    user = client.users.by_user_id("isaiah@contoso.com")
    assert (await client.role_management.directory.role_assignments.get()) is not None
    methods = await user.authentication.methods.get()
    assert methods is not None
    assert {type(method).__name__ for method in methods.value or []} == {
        "PasswordAuthenticationMethod",
        "MicrosoftAuthenticatorAuthenticationMethod",
    }
    rules = await user.mail_folders.by_mail_folder_id("inbox").message_rules.get()
    assert rules is not None
    assert rules.value == []
    organisation = await client.organization.get()
    assert organisation is not None
    assert organisation.value is not None
    assert organisation.value[0].display_name == "Contoso"
    groups = await user.transitive_member_of.graph_group.get()
    assert groups is not None
    devices = await user.owned_devices.get()
    assert devices is not None
    assert len(devices.value or []) == 1


async def test_the_sdk_sees_refusals_as_its_own_errors(sim: Simulator, client: GraphServiceClient) -> None:
    with pytest.raises(ODataError) as caught:
        await client.users.by_user_id("nobody@contoso.com").get()
    assert caught.value.response_status_code == 404
    assert caught.value.error is not None
    assert caught.value.error.code == "Request_ResourceNotFound"
    assert caught.value.error.inner_error is not None
    assert caught.value.error.inner_error.request_id
    sim.world.withdraw("User.RevokeSessions.All")
    with pytest.raises(ODataError) as denied:
        await client.users.by_user_id("megan@contoso.com").revoke_sign_in_sessions.post()
    assert denied.value.response_status_code == 403


async def test_the_sdk_retries_what_the_simulator_throttles(sim: Simulator, client: GraphServiceClient) -> None:
    sim.world.faults.add(Fault(service="graph", path="megan", status=429, code="TooManyRequests", retry_after=0))
    found = await client.users.by_user_id("megan@contoso.com").get()
    assert found is not None
    statuses = [entry.status for entry in sim.world.journal.entries(service="graph", path="megan")]
    assert statuses == [429, 200]
