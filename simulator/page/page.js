"use strict";
// Shows the tenant and asks for news once a second. Text from the tenant only ever becomes a text node.
(() => {
  const people = document.getElementById("people");
  const changes = document.getElementById("changes");
  const sought = document.getElementById("sought");
  const pause = 900;
  const shine = 8000;
  const words = {
    accountEnabled: "sign-in", signInSessionsValidFromDateTime: "sessions valid from", session: "session",
    lastPasswordChangeDateTime: "password changed", passwordProfile: "password rules", password: "password",
  };
  const seen = new Map();
  let version = null;
  let question = "";
  let open = null;
  let first = true;
  const last = new Map();

  function element(name, className, ...inner) {
    const made = document.createElement(name);
    if (className) made.className = className;
    made.append(...inner.filter((part) => part !== null && part !== undefined && part !== ""));
    return made;
  }

  function clock(text) {
    if (!text) return "never";
    const moment = new Date(text);
    const today = moment.toDateString() === new Date().toDateString();
    const time = moment.toLocaleTimeString([], { hour: "2-digit", minute: "2-digit", second: "2-digit" });
    const shown = element("time", "", today ? time : moment.toLocaleDateString());
    shown.dateTime = text;
    shown.title = moment.toLocaleString();
    return shown;
  }

  // Highlights what is new for a while, also when the rows are built again meanwhile.
  function glow(node, since) {
    const age = Date.now() - since;
    if (age >= shine) return;
    node.classList.add("changed");
    node.style.animationDelay = -age + "ms";
  }

  function mark(cell, id, name, value) {
    const key = id + "/" + name;
    const text = JSON.stringify(value);
    const known = last.get(key);
    if (!known) last.set(key, { text, since: 0 });
    else if (known.text !== text) last.set(key, { text, since: Date.now() });
    glow(cell, last.get(key).since);
    return cell;
  }

  function sessionsOf(person) {
    const cell = element("td");
    const active = person.sessions.filter((session) => !session.revoked_at);
    const revoked = person.sessions.length - active.length;
    if (!person.sessions.length) cell.append(element("span", "quiet", "none"));
    if (active.length) cell.append(element("div", "state active", active.length + " active"));
    if (revoked) cell.append(element("div", "state revoked", revoked + " revoked"));
    const strangers = active.filter((session) => session.intruder);
    if (strangers.length) cell.append(element("div", "state intruder", "intruder signed in"));
    return cell;
  }

  function row(person) {
    const badges = [];
    if (person.kind !== "cloud") badges.push(person.kind);
    for (const tag of person.tags) if (!badges.includes(tag)) badges.push(tag);
    const name = element("td", "", element("span", "state", person.name));
    for (const badge of badges) name.append(element("span", "badge", badge));
    name.append(element("div", "address", person.upn));
    const sign = element("td", "", element("span", "state " + (person.enabled ? "allowed" : "blocked"), person.enabled ? "allowed" : "blocked"));
    const password = element("td", "", clock(person.password_changed));
    const roles = element("td", "role", person.roles.join(", "));
    const received = element("td", "", person.received ? String(person.received) : "");
    const made = element("tr", "person", name,
      mark(sign, person.id, "enabled", person.enabled),
      mark(sessionsOf(person), person.id, "sessions", person.sessions),
      mark(password, person.id, "password", person.password_changed),
      mark(roles, person.id, "roles", person.roles),
      mark(received, person.id, "received", person.received));
    made.tabIndex = 0;
    made.setAttribute("aria-expanded", String(open === person.id));
    made.addEventListener("click", () => toggle(person.id));
    made.addEventListener("keydown", (event) => {
      if (event.key === "Enter" || event.key === " ") { event.preventDefault(); toggle(person.id); }
    });
    made.dataset.person = person.id;
    return made;
  }

  function toggle(id) {
    open = open === id ? null : id;
    version = null;
    refresh();
  }

  function changeLine(change) {
    const line = element("li", "",
      element("div", "", element("strong", "", change.target_name), " – ", change.what),
      element("div", "", (words[change.property] || change.property) + ": " +
        short(change.before, change.property) + " → " + short(change.after, change.property)),
      element("div", "by", clock(change.at), " by " + change.by));
    return line;
  }

  function short(value, property) {
    if (value === null || value === undefined) return "–";
    if (property === "accountEnabled") return value ? "allowed" : "blocked";
    if (property.endsWith("DateTime") && typeof value === "string") return new Date(value).toLocaleString();
    const text = typeof value === "string" ? value : JSON.stringify(value);
    return text.length > 120 ? text.slice(0, 117) + "…" : text;
  }

  // A card's text as Teams would show it: local times, no asterisks.
  function plainer(text) {
    return text
      .replace(/\{\{(DATE|TIME)\((\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ)(?:, ?[A-Z]+)?\)\}\}/g, (whole, kind, moment) =>
        kind === "DATE" ? new Date(moment).toLocaleDateString() : new Date(moment).toLocaleTimeString())
      .replace(/\*\*(.+?)\*\*/g, "$1")
      .replace(/\\([\\`*_{}[\]()#+.!|<>~-])/g, "$1");
  }

  // An Adaptive Card, or anything else with text in it, as lines and buttons.
  function card(part, box) {
    if (Array.isArray(part)) { part.forEach((inner) => card(inner, box)); return; }
    if (!part || typeof part !== "object" || part.isVisible === false) return;
    if (part.type === "FactSet") {
      for (const fact of part.facts || []) box.append(element("span", "fact", plainer(String(fact.title) + ": " + String(fact.value))));
      return;
    }
    if (typeof part.text === "string") box.append(element("span", "fact", plainer(part.text)));
    for (const inner of ["body", "items", "columns", "rows", "cells", "inlines"]) if (part[inner]) card(part[inner], box);
    for (const action of part.actions || []) box.append(element("span", "button", String(action.title || action.type)));
  }

  function message(item) {
    const box = element("div", "message" + (item.deleted ? " gone" : ""));
    const about = [item.kind, item.edited_at ? "edited" : "", item.deleted ? "deleted" : ""].filter(Boolean).join(", ");
    box.append(element("div", "quiet", clock(item.edited_at || item.at), " " + about));
    if (typeof item.content.subject === "string") box.append(element("strong", "fact", item.content.subject));
    if (typeof item.content.text === "string") box.append(element("span", "fact", item.content.text));
    for (const attachment of item.content.attachments || []) card(attachment.content, box);
    return box;
  }

  function block(title, lines, after) {
    const list = element("ul");
    list.append(...lines);
    return element("div", "", element("h3", "", title), lines.length ? list : element("p", "quiet", "none"), after);
  }

  // What a rule does to mail, in a few words.
  function deeds(rule) {
    const actions = rule.actions || {};
    const told = [];
    for (const name of ["forwardTo", "redirectTo", "forwardAsAttachmentTo"]) {
      const addresses = (actions[name] || []).map((each) => each.emailAddress && each.emailAddress.address);
      if (addresses.length) told.push("sends to " + addresses.join(", "));
    }
    if (actions.delete || actions.permanentDelete) told.push("deletes");
    if (actions.moveToFolder) told.push("moves away");
    return told.length ? element("div", "quiet", told.join("; ")) : null;
  }

  async function details(id, columns) {
    const answer = await fetch("/_control/users/" + encodeURIComponent(id));
    if (!answer.ok) return null;
    const person = await answer.json();
    const sessions = person.sessions.map((session) => {
      const state = session.revoked_at ? "revoked" : session.intruder ? "intruder" : "active";
      return element("li", state, element("span", "what", session.app + ", " + session.place + " (" + session.ip_address + ")"),
        element("span", "state", " " + (session.revoked_at ? "revoked" : session.intruder ? "active – the intruder" : "active")));
    });
    const methods = person.methods.map((method) => element("li", "", method["@odata.type"].replace("#microsoft.graph.", "").replace("AuthenticationMethod", "") +
      (method.displayName || method.phoneNumber || method.emailAddress ? ": " + (method.displayName || method.phoneNumber || method.emailAddress) : "")));
    const rules = person.rules.map((rule) => element("li", "", (rule.displayName || "(no name)") + (rule.isEnabled ? "" : " (off)"), deeds(rule)));
    const box = person.mailbox;
    if (box) for (const name of box.hidden_rules) rules.push(element("li", "intruder", (name || "(no name)") + " (hidden)"));
    if (box) for (const name of box.sweep_rules) rules.push(element("li", "", name + " (sweep)"));
    const delegates = box ? box.delegates.map((line) => element("li", "", line)) : [];
    const mailbox = !box ? [] : [
      element("li", box.forwarding ? "intruder" : "", "Forwarding: " + (box.forwarding || "off")),
      element("li", "", "Automatic replies: " + (box.replies || "off")),
      element("li", "", "Protocols: " + (box.protocols.join(", ") || "none")),
    ];
    const signIns = person.sign_ins.slice().reverse().map((row) => element("li", row.status.errorCode ? "blocked" : "",
      clock(row.createdDateTime), " " + row.appDisplayName + ", " + row.location.city + " (" + row.ipAddress + ")" +
      (row.status.errorCode ? " – refused " + row.status.errorCode : "") + (row.isInteractive ? "" : " – token")));
    const devices = person.devices.map((device) => element("li", device.accountEnabled ? "" : "blocked",
      device.displayName + ", " + device.operatingSystem + (device.accountEnabled ? "" : " (switched off)")));
    if (box) for (const phone of box.phones) devices.push(element("li", phone.endsWith("(blocked)") ? "blocked" : "", "mail on a phone: " + phone));
    const consents = person.consents.map((grant) => element("li", "", grant.app + ": " + grant.scope));
    const tryIn = element("button", "", "The intruder tries to sign in");
    tryIn.type = "button";
    tryIn.addEventListener("click", async () => {
      const answer = await turn("/users/" + encodeURIComponent(id) + "/sign-in?intruder=true");
      if (answer) tell(answer.signed_in ? "The intruder is in." : "Sign-in was refused: the account is blocked.");
    });
    const past = person.changes.slice(-12).reverse().map(changeLine);
    const inbox = element("div", "", element("h3", "", "Received"));
    inbox.append(...(person.inbox.length ? person.inbox.slice(-30).reverse().map(message) : [element("p", "quiet", "nothing")]));
    const cell = element("td", "details", element("div", "",
      block("Sessions", sessions, tryIn), inbox, block("Sign-ins", signIns), block("Sign-in methods", methods),
      block("Mailbox", mailbox), block("Inbox rules", rules), block("Delegates", delegates), block("Devices", devices), block("App consents", consents),
      block("Groups", person.groups.map((group) => element("li", "", group))), block("Changes", past)));
    cell.colSpan = columns;
    return element("tr", "", cell);
  }

  // Which stories can be told, and what the intruder of each one that was told still has.
  function showStories(stories) {
    const choice = document.getElementById("story");
    if (!choice.children.length) {
      choice.append(...stories.map((story) => { const made = element("option", "", story.title); made.value = story.id; return made; }));
    }
    const told = stories.filter((story) => story.upn);
    document.getElementById("stories").hidden = !told.length;
    document.querySelector("#stories ul").replaceChildren(...told.map((story) => element("li", "",
      element("div", "", element("strong", "", story.title), " – ", story.upn),
      element("div", story.left.length ? "state intruder" : "quiet", story.left.length ? "the intruder still has: " + story.left.join(", ") : "nothing is left of the intruder"),
      story.harmed.length ? element("div", "state blocked", "wrongly taken away: " + story.harmed.join(", ")) : null)));
  }

  async function show(tenant) {
    document.getElementById("name").textContent = tenant.name + " – simulated tenant";
    document.title = tenant.name + " – simulated tenant";
    const facts = [["Time", new Date(tenant.now).toLocaleString()], ["People", tenant.count], ["Answers", tenant.latency === "none" ? "at once" : tenant.latency], ["Faults set", tenant.faults]];
    document.getElementById("facts").replaceChildren(...facts.map(([name, value]) => element("div", "", element("dt", "", name), element("dd", "", String(value)))));
    document.getElementById("shown").textContent = tenant.people.length < tenant.count ? tenant.people.length + " of " + tenant.count + " shown" : "";
    const chosen = document.getElementById("latency");
    if (document.activeElement !== chosen) chosen.value = tenant.latency;
    showStories(tenant.stories);
    document.getElementById("flow").replaceChildren(...tenant.mail_flow.map((each) => element("li", each.on ? "" : "blocked",
      each.name + " (" + each.what + ")" + (each.on ? "" : " – off"))));
    const rows = [];
    for (const person of tenant.people) {
      rows.push(row(person));
      if (person.id === open) rows.push(await details(person.id, 6));
    }
    const focused = document.activeElement && document.activeElement.dataset ? document.activeElement.dataset.person : null;
    people.replaceChildren(...rows.filter(Boolean));
    if (focused) {
      const again = [...people.children].find((made) => made.dataset.person === focused);
      if (again) again.focus({ preventScroll: true });
    }
    const lines = tenant.changes.slice().reverse().map((change) => {
      const line = changeLine(change);
      if (!seen.has(change.number)) seen.set(change.number, first ? 0 : Date.now());
      glow(line, seen.get(change.number));
      return line;
    });
    first = false;
    changes.replaceChildren(...lines);
    document.getElementById("nothing").hidden = lines.length > 0;
  }

  let busy = false;
  async function refresh() {
    if (busy) return;
    busy = true;
    try {
      const asked = question;
      const query = new URLSearchParams({ q: asked });
      if (version !== null) query.set("since", version);
      const answer = await fetch("/_control/tenant?" + query);
      if (answer.status === 200) {
        const tenant = await answer.json();
        await show(tenant);
        version = question === asked ? tenant.version : null;
      }
      document.getElementById("lost").hidden = true;
    } catch {
      document.getElementById("lost").hidden = false;
      version = null;
    } finally {
      busy = false;
    }
  }

  const faults = {
    busy: { service: "graph", method: "PATCH", status: 503, code: "serviceNotAvailable" },
    throttled: { service: "graph", status: 429, code: "TooManyRequests", retry_after: 5 },
    silent: { service: "graph", method: "PATCH", kind: "drop", when: "after" },
    gateway: { service: "graph", kind: "html502" },
    exchange: { service: "exchange", status: 503, code: "ServerBusyException" },
  };

  function tell(text) {
    document.getElementById("told").textContent = text;
  }

  async function turn(path, body, method) {
    const answer = await fetch("/_control" + path, {
      method: method || "POST", headers: { "Content-Type": "application/json" }, body: JSON.stringify(body || {}),
    }).catch(() => null);
    if (!answer || !answer.ok) { tell("That did not work."); return null; }
    tell("Done.");
    version = null;
    refresh();
    return answer.json();
  }

  const deedOf = {
    fault: () => turn("/faults", faults[document.getElementById("fault").value]),
    clear: () => turn("/faults", {}, "DELETE"),
    story: () => turn("/stories", { story: document.getElementById("story").value }),
    hour: () => turn("/clock", { seconds: 3600 }),
    sync: () => turn("/sync"),
    reset: () => { open = null; last.clear(); seen.clear(); first = true; return turn("/reset"); },
  };
  document.getElementById("knobs").addEventListener("click", (event) => {
    const name = event.target.dataset ? event.target.dataset.do : undefined;
    if (name) deedOf[name]();
  });
  document.getElementById("latency").addEventListener("change", (event) => turn("/latency", { profile: event.target.value }));

  sought.addEventListener("input", () => { question = sought.value.trim(); version = null; refresh(); });
  setInterval(() => { if (!document.hidden) refresh(); }, pause);
  document.addEventListener("visibilitychange", () => { if (!document.hidden) refresh(); });
  refresh();
})();
