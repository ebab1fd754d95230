"""The playbook: every step, human task and guided step, in the order in which a run goes through them."""

from __future__ import annotations

from collections.abc import Mapping

from services.playbook import (
    assess_exposure,
    block_sign_in,
    check_delegates,
    check_devices,
    check_firewall,
    check_forwarding,
    check_inbox_rules,
    check_mail_flow,
    check_updates,
    disable_devices,
    disable_imap_everywhere,
    disable_mail_flow,
    enforce_mfa,
    identify,
    mark_compromised,
    preserve_mail,
    purge_phish,
    recommend_licences,
    remove_delegates,
    remove_forwarding,
    remove_inbox_rules,
    remove_mobile_partnerships,
    remove_sign_in_methods,
    review_activity,
    review_secure_score,
    review_sign_ins,
    revoke_app_consents,
    revoke_sessions,
    scramble_password,
    snapshot,
    strip_roles,
    switch_off_mail_protocols,
    sync_devices,
    trace_sent_mail,
    update_signatures,
)
from services.playbook.step import Entry, Guided, HumanTask, Step

PLAYBOOK: tuple[Entry, ...] = (
    identify.STEP,
    snapshot.STEP,
    block_sign_in.STEP,
    revoke_sessions.STEP,
    scramble_password.STEP,
    strip_roles.STEP,
    mark_compromised.STEP,
    preserve_mail.STEP,
    remove_sign_in_methods.STEP,
    disable_devices.STEP,
    remove_mobile_partnerships.STEP,
    revoke_app_consents.STEP,
    remove_inbox_rules.STEP,
    remove_forwarding.STEP,
    remove_delegates.STEP,
    switch_off_mail_protocols.STEP,
    disable_mail_flow.STEP,
    review_sign_ins.STEP,
    trace_sent_mail.STEP,
    check_mail_flow.STEP,
    check_inbox_rules.STEP,
    check_forwarding.STEP,
    check_delegates.STEP,
    check_devices.STEP,
    review_activity.STEP,
    assess_exposure.STEP,
    purge_phish.STEP,
    disable_imap_everywhere.STEP,
    check_updates.STEP,
    check_firewall.STEP,
    sync_devices.STEP,
    update_signatures.STEP,
    enforce_mfa.STEP,
    review_secure_score.STEP,
    recommend_licences.STEP,
)

STEPS: tuple[Step, ...] = tuple(entry for entry in PLAYBOOK if isinstance(entry, Step))
TASKS: tuple[HumanTask, ...] = tuple(entry for entry in PLAYBOOK if isinstance(entry, HumanTask))
GUIDED: tuple[Guided, ...] = tuple(entry for entry in PLAYBOOK if isinstance(entry, Guided))

BY_ID: Mapping[str, Step] = {step.id: step for step in STEPS}
ENTRY_BY_ID: Mapping[str, Entry] = {entry.id: entry for entry in PLAYBOOK}
