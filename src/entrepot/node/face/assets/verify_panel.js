// The list of checks on a page: runs them in order, shows each state, and says what it all means.
//
// States: waiting, running, verified, failed, unchecked (cannot be checked here). Words come with
// the page, in its language. What this browser remembers of the log (its key, the largest
// checkpoint it has verified) lies in localStorage, so that the node cannot show it another log
// tomorrow without being noticed.

import { fromBase64, NotCheckable, parseLogKeys, Failure, verifyConsistency } from "./verify_log.js";
import { hex, sha256, toBase64, utf8 } from "./verify_crypto.js";

const words = JSON.parse(document.getElementById("verify-words")?.textContent ?? "{}");

/** The words for a key, with {name} filled in; the key itself where there are none. */
export function say(key, values = {}) {
  const text = words[key] ?? key;
  return text.replace(/\{(\w+)\}/g, (whole, name) => String(values[name] ?? whole));
}

export class Panel {
  constructor(root) {
    this.root = root;
    this.states = new Map();
  }

  show(step, state, detail = "") {
    this.states.set(step, state);
    const item = this.root.querySelector(`[data-step="${CSS.escape(step)}"]`);
    if (!item) return;
    item.dataset.state = state;
    item.querySelector(".state").textContent = say(`state.${state}`);
    item.querySelector(".detail").textContent = detail;
  }

  /**
   * Run one check. `make` returns {detail, value}; a Failure makes it failed, NotCheckable (or a
   * network that is down) unchecked. Returns the value, or undefined.
   */
  async run(step, make) {
    this.show(step, "running");
    try {
      const { detail = "", value } = await make();
      this.show(step, "verified", detail);
      return value;
    } catch (error) {
      const { state, detail } = told(error);
      this.show(step, state, detail);
      return undefined;
    }
  }

  skip(step, reason) {
    this.show(step, "unchecked", say(reason));
  }

  /** Say what the checks come to: the first failure counts, then what could not be checked. */
  conclude(subject) {
    const states = [...this.states.entries()];
    const failed = states.find(([, state]) => state === "failed");
    const open = states.filter(([, state]) => state === "unchecked").length;
    const verdict = failed ? "failed" : open ? "partly" : "verified";
    const box = this.root.querySelector("[data-verdict]");
    box.dataset.verdict = verdict;
    const step = failed
      ? this.root.querySelector(`[data-step="${CSS.escape(failed[0])}"] .what`)?.textContent
      : "";
    box.textContent = say(`verdict.${verdict}`, { step, subject, open });
  }
}

/** Words for an error: a failed check, one that cannot be made, or a defect of ours. */
export function told(error) {
  if (error instanceof NotCheckable) return { state: "unchecked", detail: told_code(error) };
  if (error instanceof Failure) return { state: "failed", detail: told_code(error) };
  if (error instanceof TypeError && /fetch|network|load/i.test(error.message)) {
    return { state: "unchecked", detail: say("code.not-served", { detail: "" }) };
  }
  // Bytes that cannot even be read are no proof, whatever the decoder calls it.
  return { state: "failed", detail: say("code.unreadable", { detail: error.message }) };
}

function told_code(error) {
  const known = words[`code.${error.code}`] !== undefined;
  return known ? say(`code.${error.code}`, { detail: error.detail }) : error.message;
}

// -- what this browser remembers ------------------------------------------------------------------

const STORED = "entrepot.log";

function recall() {
  try {
    return JSON.parse(localStorage.getItem(STORED) ?? "null");
  } catch {
    return null; // storage is switched off, or somebody else wrote there
  }
}

function remember(value) {
  try {
    localStorage.setItem(STORED, JSON.stringify(value));
    return true;
  } catch {
    return false;
  }
}

const short = (text) => hex(sha256(utf8(text))).slice(0, 16);
const day = (at) => new Date(at).toISOString().slice(0, 16).replace("T", " ");

/** Step "key": the log's keys as the page gives them, held against those this browser knows. */
export function knownKeys(panel, text) {
  return panel.run("key", async () => {
    const keys = parseLogKeys(text);
    const kept = recall();
    if (kept && kept.keys !== text) {
      throw new Failure("key-changed", `${short(kept.keys)} → ${short(text)}`);
    }
    const detail = kept
      ? say("key.known", { since: day(kept.since), print: short(text) })
      : say("key.first", { print: short(text) });
    return { detail, value: keys };
  });
}

/**
 * Step "memory": the checkpoint extends the largest one this browser has verified before. Only a
 * checkpoint that was verified is remembered.
 */
export function knownGrowth(panel, checkpoint, tree, keysText) {
  return panel.run("memory", async () => {
    const kept = recall();
    const now = { size: checkpoint.size, root: toBase64(checkpoint.root) };
    if (!kept) {
      if (!remember({ keys: keysText, since: Date.now(), at: Date.now(), ...now })) {
        throw new NotCheckable("no-memory");
      }
      return { detail: say("memory.first", { size: now.size }), value: true };
    }
    const old = { size: kept.size, root: fromBase64(kept.root) };
    if (old.size > checkpoint.size) {
      // An older head is no crime (caches, witnesses); it must still be a prefix of what we know.
      throw new NotCheckable("older-head", `${checkpoint.size} < ${old.size}`);
    }
    const path = old.size === checkpoint.size ? [] : await tree.consistencyPath(old.size);
    verifyConsistency(old, checkpoint, path);
    remember({ ...kept, at: Date.now(), ...now });
    const values = { older: old.size, newer: now.size, since: day(kept.since) };
    const key = old.size === now.size ? "memory.same" : "memory.extends";
    return { detail: say(key, values), value: true };
  });
}
