"""A guest's account: its password and its mail are another organisation's; what it opened here is ours."""

from __future__ import annotations

from datetime import timedelta

from simulator.stories.acts.mail import OpensFiles
from simulator.stories.acts.signing_in import SignsIn
from simulator.stories.story import Expected, Origin, Story

_TALLINN = Origin(
    "203.0.113.18", "Tallinn", "EE", asn=64508, browser="Firefox 128.0", user_agent="Firefox/128.0", system="Linux"
)

STORY = Story(
    id="guest",
    title="Guest account that takes files",
    account="ravi_fabrikam.com#EXT#",
    since=timedelta(days=4),
    intruder=_TALLINN,
    intruder_actions=(
        SignsIn(key="sign-in", app="Office 365 SharePoint Online", renewals=60),
        OpensFiles(
            key="files",
            after=timedelta(minutes=7),
            files=tuple(f"Plans/Drawing-{number:03d}.pdf" for number in range(1, 86)),
        ),
        OpensFiles(
            key="link", after=timedelta(minutes=50), files=("Plans/All drawings.zip",), operation="AnonymousLinkCreated"
        ),
    ),
    look_alikes=(
        OpensFiles(
            key="own-work",
            after=-timedelta(days=3),
            files=("Plans/Drawing-011.pdf", "Plans/Drawing-012.pdf"),
            operation="FileAccessed",
        ),
    ),
    truth=(
        Expected("review-sign-ins", "sign-in", "revoke-sessions"),
        Expected("review-activity", "files"),
        Expected("review-activity", "link"),
    ),
)
