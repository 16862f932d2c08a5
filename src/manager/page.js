"use strict";
const at = (id) => document.getElementById(id);
const put = (id, text, style) => {
  const node = at(id);
  if (node.textContent !== text) node.textContent = text;  // unchanged text is not announced again
  if (style !== undefined) node.className = style;
};
const make = (tag, text, style) => {
  const node = document.createElement(tag);
  node.textContent = text;
  if (style) node.className = style;
  return node;
};
const localTime = (text) => { const time = new Date(text); return isNaN(time) ? text : time.toLocaleString(); };

function databaseState(database) {
  if (database.role === "primary") return database.is_gate_open ? ["primary", "good"] : ["primary, gate shut", "warning"];
  if (database.role === "standby") return database.is_receiving ? ["standby, streaming", "good"] : ["standby, not streaming", "warning"];
  return [database.role || database.run, "warning"];
}

function hostState(host) {
  if (!host.status) return ["no answer: " + host.error, "bad"];
  if (host.status.database) return databaseState(host.status.database);
  if (host.status.balancer) {
    const up = host.status.balancer.backends.filter((it) => it.state.startsWith("UP")).length;
    return [`${up} of ${host.status.balancer.backends.length} managers up`, up === host.status.balancer.backends.length ? "good" : "warning"];
  }
  return ["agent up", "good"];
}

function replication(site) {
  const primary = site.hosts.find((it) => it.host === site.summary.primary);
  const standbys = primary && primary.status && primary.status.database ? primary.status.database.standbys : [];
  if (standbys.length === 0) return ["no standby", "warning"];
  const text = standbys.map((it) => `${it.host}: ${it.is_streaming ? `streaming, ${it.lag_bytes} bytes behind` : "not streaming"}`).join("; ");
  return [text, standbys.every((it) => it.is_streaming) ? "good" : "warning"];
}

function showSite(site) {
  const s = site.summary;
  put("site", site.site);
  put("time", localTime(site.time));
  at("time").title = site.time;
  put("health", s.health, s.health === "healthy" ? "good" : s.health === "degraded" ? "warning" : "bad");
  if (s.reason_code === "external") {
    put("primary", s.database ? `external, ${s.database}` : "external", s.health === "down" ? "bad" : "good");
    for (const id of ["epoch", "members", "replication"]) put(id, "the provider's", "");
  } else {
    put("primary", s.primary || "none: writes wait", s.primary ? "good" : "bad");
    put("epoch", s.epoch + (s.state && s.state !== "normal" ? ` (${s.state})` : ""));
    put("members", s.members.join(", ") || "unknown");
    put("replication", ...replication(site));
  }
  put("failover", s.reason, s.failover_possible ? "good" : s.reason_code === "external" ? "" : "bad");
  at("problems").replaceChildren(...s.problems.filter((it) => it !== s.reason).map((it) => make("li", it)));
  at("hosts").replaceChildren(...site.hosts.map((host) => {
    const row = document.createElement("tr");
    row.append(make("td", host.host), make("td", host.role), make("td", host.address), make("td", ...hostState(host)));
    return row;
  }));
}

function showNotes(notes) {
  at("notes").replaceChildren(...notes.map((note) => {
    const item = make("li", note.text);
    const line = make("small", `${note.author}, ${localTime(note.written_at)}, no. ${note.id} by ${note.manager}`);
    line.title = note.written_at;
    item.append(line);
    return item;
  }));
}

async function fetchJson(path, options) {
  const response = await fetch(path, options);
  const by = response.headers.get("X-Gemel-Manager");
  if (by) put("manager", by);
  const body = await response.json();
  if (!response.ok) throw new Error(body.detail || `HTTP ${response.status}`);
  return body;
}

function trouble(text) {
  at("trouble").hidden = text === "";
  put("trouble", text);
}

async function refreshSite() {
  try {
    showSite(await fetchJson("/api/v1/site", { signal: AbortSignal.timeout(4000) }));
    trouble("");
  } catch (error) {
    trouble(`The state of the site is not known at the moment: ${error.message}`);
  }
  setTimeout(refreshSite, 1000);
}

async function refreshNotes(again) {
  try {
    showNotes((await fetchJson("/api/v1/notes?limit=20", { signal: AbortSignal.timeout(12000) })).notes);
  } catch (error) {
    put("sent", `The notes cannot be read at the moment: ${error.message}`);
  }
  if (again) setTimeout(() => refreshNotes(true), 1000);
}

const newKey = () => Array.from(crypto.getRandomValues(new Uint8Array(16)), (it) => it.toString(16).padStart(2, "0")).join("");
let key = newKey();  // changes only after success: pressing the button again repeats the same note

async function send(event) {
  event.preventDefault();
  at("send").disabled = true;
  put("sent", "Writing…");
  try {
    const note = await fetchJson("/api/v1/notes", {
      method: "POST",
      headers: { "Content-Type": "application/json", "Idempotency-Key": key },
      body: JSON.stringify({ author: at("author").value, text: at("text").value }),
    });
    key = newKey();
    at("text").value = "";
    put("sent", `Written as no. ${note.id}.`);
    await refreshNotes(false);
  } catch (error) {
    put("sent", `Not confirmed: ${error.message} Press the button again; nothing is written twice.`);
  }
  at("send").disabled = false;
}

at("form").addEventListener("submit", send);
at("form").addEventListener("input", () => { key = newKey(); });  // another note, another key
refreshSite();
refreshNotes(true);
