"""Letting others in: delegates of the mailbox, send-as, send-on-behalf, shared folders."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from simulator.exchange.state import FolderPermission, Permission
from simulator.stories.acts.labels import names
from simulator.stories.scene import Scene
from simulator.stories.story import Action, Origin
from simulator.tenant import User


@dataclass(frozen=True, kw_only=True)
class _Delegation(Action):
    lasting: ClassVar[bool] = True
    to: str  # who gets in, by what stands before the @

    def trustee(self, scene: Scene) -> User:
        return scene.person(self.to)

    def _names(self, scene: Scene) -> frozenset[str]:
        user = self.trustee(scene)
        return names(user.id, user.upn, user.display_name, scene.exchange.name_of(user.id))


@dataclass(frozen=True, kw_only=True)
class GivesFullAccess(_Delegation):
    """Somebody else may open the whole mailbox."""

    def happen(self, scene: Scene, by: Origin) -> frozenset[str]:
        user = self.trustee(scene)
        scene.mailbox().full_access.append(Permission(user.id, ["FullAccess"]))
        scene.cmdlet(scene.when(self), "Add-MailboxPermission", by, User=user.upn, AccessRights="FullAccess")
        return self._names(scene)

    def remains(self, scene: Scene) -> bool:
        wanted = self.trustee(scene).id
        return any(each.user_id == wanted and "FullAccess" in each.rights for each in scene.mailbox().full_access)


@dataclass(frozen=True, kw_only=True)
class GivesSendAs(_Delegation):
    """Somebody else may send as if they were the owner."""

    def happen(self, scene: Scene, by: Origin) -> frozenset[str]:
        user = self.trustee(scene)
        scene.mailbox().send_as.append(Permission(user.id, ["SendAs"]))
        scene.cmdlet(scene.when(self), "Add-RecipientPermission", by, Trustee=user.upn, AccessRights="SendAs")
        return self._names(scene)

    def remains(self, scene: Scene) -> bool:
        wanted = self.trustee(scene).id
        return any(each.user_id == wanted for each in scene.mailbox().send_as)


@dataclass(frozen=True, kw_only=True)
class GivesSendOnBehalf(_Delegation):
    """Somebody else may send in the owner's name, and it shows."""

    def happen(self, scene: Scene, by: Origin) -> frozenset[str]:
        user = self.trustee(scene)
        scene.mailbox().settings["GrantSendOnBehalfTo"].append(user.id)
        scene.cmdlet(scene.when(self), "Set-Mailbox", by, GrantSendOnBehalfTo=user.upn)
        return self._names(scene)

    def remains(self, scene: Scene) -> bool:
        return self.trustee(scene).id in scene.mailbox().settings["GrantSendOnBehalfTo"]


@dataclass(frozen=True, kw_only=True)
class SharesFolder(_Delegation):
    """Somebody else may read one folder. `to` may be Default or Anonymous: then it is everybody."""

    folder: str = "Inbox"
    right: str = "Reviewer"

    def happen(self, scene: Scene, by: Origin) -> frozenset[str]:
        folder, who = scene.mailbox().folder(self.folder), self._who(scene)
        entry = next((each for each in folder.permissions if each.user_id == who), None)
        if entry is None:
            folder.permissions.append(FolderPermission(who, [self.right]))
        else:
            entry.rights = [self.right]
        scene.audit(
            scene.when(self),
            "ModifyFolderPermissions" if entry else "AddFolderPermissions",
            ip=by.ip,
            Item={"ParentFolder": {"Path": folder.path, "MemberRights": self.right, "MemberUpn": self.to}},
        )
        return names(who, self.folder, folder.path) | (names() if self._everybody else self._names(scene))

    def remains(self, scene: Scene) -> bool:
        who = self._who(scene)
        entries = scene.mailbox().folder(self.folder).permissions
        return any(each.user_id == who and self.right in each.rights for each in entries)

    @property
    def _everybody(self) -> bool:
        return self.to in {"Default", "Anonymous"}

    def _who(self, scene: Scene) -> str:
        return self.to if self._everybody else self.trustee(scene).id
