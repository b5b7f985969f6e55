// The page for documents: a cleared folder (or its zip), or a proof of one entry, checked here.
//
// Nothing leaves the browser but the checkpoint, which is public: its post-quantum signature
// (ML-DSA-44) is checked by the node, because browsers cannot. What that means the page says.

import {
  decodeCbor, decodeEntry, equal, Failure, hex, leafHash, NotCheckable, parseLogKeys, parseReceipt,
  rootFromInclusion, TileTree, verifyAct, verifyCheckpoint, verifyOpening, verifyReceipt, verifyTlogProof,
} from "./verify_log.js";
import { sha256, sha256OfBlob, utf8 } from "./verify_crypto.js";
import { Panel, say, told } from "./verify_panel.js";
import { bytesOf, readZip, withoutFolder } from "./verify_zip.js";

const place = document.getElementById("documents");
const facts = place.dataset;
const FOLDER = ["folder", "certificate", "files", "key", "signature", "inclusion", "receipt", "opening", "post-quantum", "law"];
const PROOF = ["folder", "key", "signature", "inclusion", "receipt"];

function panelFor(steps) {
  const root = document.querySelector("[data-checks]");
  root.hidden = false;
  for (const item of root.querySelectorAll("[data-step]")) {
    item.hidden = !steps.includes(item.dataset.step);
    item.dataset.state = "waiting";
    item.querySelector(".state").textContent = "";
    item.querySelector(".detail").textContent = "";
  }
  root.scrollIntoView({ block: "nearest" });
  return new Panel(root);
}

/** Base 32 (RFC 4648 section 6) in lower case, without padding. */
function base32(bytes) {
  const alphabet = "abcdefghijklmnopqrstuvwxyz234567";
  let bits = "";
  for (const byte of bytes) bits += byte.toString(2).padStart(8, "0");
  return (bits.match(/.{1,5}/g) ?? []).map((five) => alphabet[parseInt(five.padEnd(5, "0"), 2)]).join("");
}

const print = (text) => hex(sha256(utf8(text))).slice(0, 16);

function readOf(files) {
  return async (name) => {
    const read = files.get(name);
    return read ? bytesOf(await read()) : null;
  };
}

async function need(read, name) {
  const bytes = await read(name);
  if (bytes === null) throw new Failure("file-missing", name);
  return bytes;
}

/** Keys in the document, held against those of this node when they are of the same log. */
function keysStep(panel, text) {
  return panel.run("key", async () => {
    const keys = parseLogKeys(text);
    const own = parseLogKeys(facts.keys);
    if (keys.origin === own.origin && text !== facts.keys) throw new Failure("key-changed", keys.origin);
    const detail = say(keys.origin === own.origin ? "key.own" : "key.given", { print: print(text) });
    return { detail, value: keys };
  });
}

async function askNode(checkpoint, keys) {
  const response = await fetch(facts.checkpointAddress, {
    method: "POST",
    headers: { "content-type": "application/json", "x-csrf-token": facts.token },
    body: JSON.stringify({ checkpoint, keys }),
  });
  if (!response.ok) throw new NotCheckable("not-served", String(response.status));
  return response.json();
}

async function checkFolder(files) {
  const panel = panelFor(FOLDER);
  const read = readOf(files);
  const ok = await panel.run("folder", async () => {
    for (const name of ["certificate.cose", "proof/log.keys", "proof/checkpoint", "proof/receipt.cbor", "proof/opening.cbor"]) {
      if (!files.has(name)) throw new Failure("file-missing", name);
    }
    return { detail: say("folder.count", { count: files.size }), value: true };
  });
  if (!ok) return finish(panel, FOLDER, "subject.folder");
  const certificate = await bytesOf(await files.get("certificate.cose")());
  const opening = decodeCbor(await need(read, "proof/opening.cbor"));
  const act = await panel.run("certificate", async () => {
    const value = await verifyAct(certificate, opening.get(3));
    if (value.kind !== "clear-shipment") throw new Failure("no-clearance", value.kind);
    if (value.body.get("id") !== `clr-${base32(value.id)}`) throw new Failure("other-act");
    const parties = value.body.get("parties");
    const values = { id: value.body.get("id"), exporter: parties.get("exporter"), recipient: parties.get("recipient") };
    return { detail: say("certificate.by", values), value };
  });
  if (act) {
    await panel.run("files", async () => {
      const listed = act.body.get("files");
      const named = new Set([...listed.map((file) => file.get("name")), "certificate.cose"]);
      for (const name of files.keys()) {
        if (!name.startsWith("proof/") && !named.has(name)) throw new Failure("file-extra", name);
      }
      let total = 0;
      for (const file of listed) {
        const name = file.get("name");
        if (!files.has(name)) throw new Failure("file-missing", name);
        const blob = await files.get(name)();
        if (blob.size !== file.get("size_bytes")) throw new Failure("file-changed", name);
        if (hex(await sha256OfBlob(blob)) !== file.get("sha256")) throw new Failure("file-changed", name);
        total += blob.size;
      }
      return { detail: say("files.same", { count: listed.length, bytes: total }) };
    });
  }
  const text = new TextDecoder().decode(await need(read, "proof/log.keys"));
  const keys = await keysStep(panel, text);
  const note = await need(read, "proof/checkpoint");
  const checkpoint = keys && (await signatureStep(panel, note, keys));
  if (checkpoint) await placeSteps(panel, read, { keys, checkpoint, opening, certificate });
  if (checkpoint) {
    await panel.run("post-quantum", async () => {
      const answer = await askNode(new TextDecoder().decode(note), text);
      if (!answer.holds) throw new Failure("post-quantum-false", answer.detail);
      return { detail: say("post-quantum.node") };
    });
  }
  panel.skip("law", "law.node");
  return finish(panel, FOLDER, "subject.folder");
}

function signatureStep(panel, note, keys) {
  return panel.run("signature", async () => {
    const value = await verifyCheckpoint(note, keys);
    return { detail: say(`signature.${value.by}`, { size: value.size }), value };
  });
}

/** The entry is in the tree, its receipt is signed, and it is the act that the certificate is. */
async function placeSteps(panel, read, { keys, checkpoint, opening, certificate }) {
  const receipt = await need(read, "proof/receipt.cbor");
  const entry = await panel.run("inclusion", async () => {
    const { index } = parseReceipt(receipt);
    const tree = new TileTree(checkpoint.size, (name) => read(`proof/${name}`));
    const value = await tree.entry(index);
    const path = await tree.inclusionPath(index);
    const root = rootFromInclusion(leafHash(value), index, checkpoint.size, path);
    if (!equal(root, checkpoint.root)) throw new Failure("not-included", String(index));
    return { detail: say("inclusion.path", { hashes: path.length, size: checkpoint.size }), value };
  });
  if (!entry) return;
  await panel.run("receipt", async () => {
    const found = await verifyReceipt(receipt, entry, keys);
    if (found.size !== checkpoint.size || !equal(found.root, checkpoint.root)) throw new Failure("other-tree");
    return { detail: say("receipt.signed", { size: found.size }) };
  });
  await panel.run("opening", async () => {
    const decoded = decodeEntry(entry);
    const evidence = decodeCbor(verifyOpening(opening.get(1), decoded.evidence, "evidence"));
    const ruling = decodeCbor(verifyOpening(opening.get(2), decoded.ruling, "ruling"));
    if (!equal(evidence.get(1), certificate)) throw new Failure("other-act");
    if (ruling.get(3) !== 0 || decoded.outcome !== 0) throw new Failure("not-granted");
    return { detail: say("opening.same") };
  });
}

/** A text proof or a receipt, with its entry and the log's keys beside it. */
async function checkProof(files) {
  const panel = panelFor(PROOF);
  const names = [...files.keys()];
  const find = (test) => names.find((name) => test(name.toLowerCase()));
  const found = {
    text: find((name) => name.endsWith(".tlog-proof")),
    receipt: find((name) => name.includes("receipt")),
    keys: find((name) => name.endsWith("log.keys") || name.endsWith(".keys")),
  };
  found.entry = find((name) => name.endsWith(".cbor") && !name.includes("receipt") && !name.includes("opening"));
  const read = readOf(files);
  const ok = await panel.run("folder", async () => {
    if (!found.text && !found.receipt) throw new Failure("nothing-known", names.slice(0, 3).join(", "));
    if (!found.entry) throw new NotCheckable("entry-missing");
    return { detail: [found.text, found.receipt, found.entry, found.keys].filter(Boolean).join(", "), value: true };
  });
  if (!ok) return finish(panel, PROOF, "subject.proof", { index: "?" });
  const text = found.keys ? new TextDecoder().decode(await need(read, found.keys)) : facts.keys;
  const keys = await keysStep(panel, text);
  const entry = await need(read, found.entry);
  let index = "?";
  if (keys && found.text) {
    const proof = await need(read, found.text);
    const value = await panel.run("inclusion", async () => {
      const proven = await verifyTlogProof(proof, entry, keys);
      index = proven.index;
      return { detail: say("inclusion.text", { index, size: proven.checkpoint.size }), value: proven };
    });
    if (value) panel.show("signature", "verified", say(`signature.${value.checkpoint.by}`, { size: value.checkpoint.size }));
  }
  if (keys && found.receipt) {
    const receipt = await need(read, found.receipt);
    await panel.run("receipt", async () => {
      const proven = await verifyReceipt(receipt, entry, keys);
      index = proven.index;
      return { detail: say("receipt.signed", { size: proven.size }) };
    });
  }
  for (const step of ["signature", "inclusion", "receipt"]) {
    const item = panel.root.querySelector(`[data-step="${step}"]`);
    if (!panel.states.has(step) && keys) item.hidden = true; // that kind of proof was not given
  }
  return finish(panel, keys ? [] : PROOF, "subject.proof", { index });
}

function finish(panel, steps, subject, values = {}) {
  for (const step of steps) {
    if (!panel.states.has(step)) panel.skip(step, "after-failure");
  }
  panel.conclude(say(subject, values));
}

async function check(files) {
  try {
    if (files.has("certificate.cose")) await checkFolder(files);
    else await checkProof(files);
  } catch (error) {
    const panel = panelFor(["folder"]);
    const { state, detail } = told(error);
    panel.show("folder", state, detail);
    panel.conclude("");
  }
}

async function take(list) {
  const given = [...list];
  if (!given.length) return;
  if (given.length === 1 && given[0].name.toLowerCase().endsWith(".zip")) {
    let files;
    try {
      files = await readZip(given[0]);
    } catch (error) {
      const panel = panelFor(["folder"]);
      const { state, detail } = told(error);
      panel.show("folder", state, detail);
      panel.conclude("");
      return;
    }
    await check(files);
    return;
  }
  const named = new Map(given.map((file) => [file.webkitRelativePath || file.name, async () => file]));
  await check(withoutFolder(named));
}

/** Files of dropped folders, with their paths. */
async function dropped(items) {
  const found = [];
  async function walk(entry, path) {
    if (entry.isFile) {
      const file = await new Promise((resolve, reject) => entry.file(resolve, reject));
      found.push([path + entry.name, async () => file]);
      return;
    }
    const reader = entry.createReader();
    for (;;) {
      const batch = await new Promise((resolve, reject) => reader.readEntries(resolve, reject));
      if (!batch.length) break;
      for (const one of batch) await walk(one, `${path}${entry.name}/`);
    }
  }
  const entries = [...items].map((item) => item.webkitGetAsEntry?.()).filter(Boolean);
  for (const entry of entries) await walk(entry, "");
  return found;
}

for (const input of place.querySelectorAll("input[type=file]")) {
  input.addEventListener("change", () => take(input.files));
}
const zone = document.getElementById("drop-zone");
zone.addEventListener("dragover", (event) => {
  event.preventDefault();
  zone.classList.add("over");
});
zone.addEventListener("dragleave", () => zone.classList.remove("over"));
zone.addEventListener("drop", async (event) => {
  event.preventDefault();
  zone.classList.remove("over");
  const files = event.dataTransfer.files;
  if (files.length === 1 && files[0].name.toLowerCase().endsWith(".zip")) {
    await take(files);
    return;
  }
  await check(withoutFolder(new Map(await dropped(event.dataTransfer.items))));
});
