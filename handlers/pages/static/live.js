// Keeps the page of a run up to date: logs are read on from where the page ends, the other parts are read anew.
// Text from a log only ever becomes text.
"use strict";

const EVERY_MS = 1000;
const PARTS_EVERY_MS = 3000;
const LIMIT = 65536; // bytes of one read
const KEPT = 2000000; // characters of a log that stay on the page
const UNSEEN = /[\u0000-\u0008\u000b-\u001f\u007f-\u009f\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff]/g;
const following = new Set();

function visible(text) {
  return text.replace(/\r\n?/g, "\n").replace(UNSEEN, "\ufffd");
}

async function follow(log) {
  if (following.has(log.id) || log.dataset.complete === "yes") return;
  following.add(log.id);
  const output = log.querySelector("pre");
  const decoder = new TextDecoder();
  let offset = Number(log.dataset.offset);
  for (;;) {
    let bytes = new Uint8Array();
    try {
      const answer = await fetch(`${log.dataset.log}?limit=${LIMIT}&offset=${offset}`);
      if (answer.status === 404) return;
      if (answer.ok) bytes = new Uint8Array(await answer.arrayBuffer());
    } catch {
      // The server is away for a moment: the next round asks again.
    }
    if (bytes.length) {
      const first = offset === 0 && bytes[0] === 2 ? 1 : 0;
      const ended = bytes[bytes.length - 1] === 3;
      const atEnd = output.scrollTop + output.clientHeight >= output.scrollHeight - 24;
      const text = decoder.decode(bytes.subarray(first, ended ? -1 : undefined), { stream: !ended });
      output.append(visible(text));
      if (output.textContent.length > KEPT) output.textContent = output.textContent.slice(-KEPT);
      if (atEnd) output.scrollTop = output.scrollHeight;
      offset += bytes.length;
      if (ended) return;
    }
    if (bytes.length < LIMIT) await new Promise((done) => setTimeout(done, EVERY_MS));
  }
}

async function refresh() {
  const answer = await fetch(location.href);
  if (!answer.ok) return;
  const fresh = new DOMParser().parseFromString(await answer.text(), "text/html");
  for (const part of fresh.querySelectorAll("[data-part]")) {
    const known = document.getElementById(part.id);
    if (known && known.outerHTML !== part.outerHTML) known.replaceWith(document.importNode(part, true));
  }
  for (const log of fresh.querySelectorAll("[data-log]")) {
    if (!document.getElementById(log.id)) document.getElementById("logs").append(document.importNode(log, true));
  }
  document.title = fresh.title;
  document.querySelectorAll("[data-log]").forEach(follow);
}

async function keepUp() {
  const status = document.getElementById("status");
  document.querySelectorAll("[data-log] pre").forEach((output) => { output.scrollTop = output.scrollHeight; });
  document.querySelectorAll("[data-log]").forEach(follow);
  while (status && document.getElementById("status").dataset.live === "yes") {
    await new Promise((done) => setTimeout(done, PARTS_EVERY_MS));
    if (!document.hidden) await refresh().catch(() => {});
  }
}

keepUp();
