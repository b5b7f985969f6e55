// Proofs of the log, checked in the reader's browser: nothing here trusts the node that served it.
//
// Trees and paths: RFC 9162 section 2.1 (= RFC 6962). Files: C2SP tlog-tiles v0.1.0. Heads: C2SP
// signed-note and tlog-checkpoint. Text proofs: C2SP tlog-proof. Receipts: RFC 9942. The only thing
// that must be known beforehand is the log's public key.

import { decodeCbor, parseSign1, signedBytes } from "./verify_cbor.js";
import { concat, equal, hex, hmacSha256, sha256, utf8, verifyEd25519 } from "./verify_crypto.js";

export const WIDTH = 256;
const HASH = 32;
const ZERO = new Uint8Array([0]);
const ONE = new Uint8Array([1]);

/** A check that did not hold. `code` names which (words for it stand in the page). */
export class Failure extends Error {
  constructor(code, detail = "") {
    super(detail ? `${code}: ${detail}` : code);
    this.code = code;
    this.detail = detail;
  }
}

/** A check that cannot be made here, which is neither good nor bad news. */
export class NotCheckable extends Failure {}

// -- trees ---------------------------------------------------------------------------------------

export const leafHash = (entry) => sha256(ZERO, entry);
export const nodeHash = (left, right) => sha256(ONE, left, right);

const largestPowerBelow = (size) => {
  let power = 1;
  while (power * 2 < size) power *= 2;
  return power;
};

/** The root that a path leads to from a leaf hash (RFC 9162 section 2.1.3.2). */
export function rootFromInclusion(leaf, index, size, path) {
  if (!(Number.isSafeInteger(size) && index >= 0 && index < size)) {
    throw new Failure("index-outside", `${index} of ${size}`);
  }
  let fn = index;
  let sn = size - 1;
  let root = leaf;
  for (const sibling of path) {
    if (sibling.length !== HASH) throw new Failure("path-malformed");
    if (sn === 0) throw new Failure("path-too-long");
    if (fn % 2 === 1 || fn === sn) {
      root = nodeHash(sibling, root);
      while (fn !== 0 && fn % 2 === 0) {
        fn = Math.floor(fn / 2);
        sn = Math.floor(sn / 2);
      }
    } else {
      root = nodeHash(root, sibling);
    }
    fn = Math.floor(fn / 2);
    sn = Math.floor(sn / 2);
  }
  if (sn !== 0) throw new Failure("path-too-short");
  return root;
}

/** Return when the newer tree extends the older one (RFC 9162 section 2.1.4.2), else throw. */
export function verifyConsistency(older, newer, path) {
  if (older.size > newer.size) throw new Failure("log-shrank", `${older.size} to ${newer.size}`);
  if (older.size === newer.size) {
    if (!equal(older.root, newer.root)) throw new Failure("split-view", `size ${older.size}`);
    if (path.length) throw new Failure("path-too-long");
    return;
  }
  if (older.size === 0) return;
  const proof = path.slice();
  const isPower = Number.isInteger(Math.log2(older.size));
  if (isPower) proof.unshift(older.root);
  if (!proof.length) throw new Failure("path-too-short");
  let fn = older.size - 1;
  let sn = newer.size - 1;
  while (fn % 2 === 1) {
    fn = Math.floor(fn / 2);
    sn = Math.floor(sn / 2);
  }
  let first = proof[0];
  let second = proof[0];
  for (const sibling of proof.slice(1)) {
    if (sn === 0) throw new Failure("path-too-long");
    if (fn % 2 === 1 || fn === sn) {
      first = nodeHash(sibling, first);
      second = nodeHash(sibling, second);
      while (fn !== 0 && fn % 2 === 0) {
        fn = Math.floor(fn / 2);
        sn = Math.floor(sn / 2);
      }
    } else {
      second = nodeHash(second, sibling);
    }
    fn = Math.floor(fn / 2);
    sn = Math.floor(sn / 2);
  }
  if (sn !== 0) throw new Failure("path-too-short");
  if (!equal(first, older.root) || !equal(second, newer.root)) {
    throw new Failure("split-view", `${older.size} to ${newer.size}`);
  }
}

// -- tiles ---------------------------------------------------------------------------------------

export function indexPath(number) {
  const digits = String(number);
  const groups = digits.padStart(Math.ceil(digits.length / 3) * 3, "0").match(/.{3}/g);
  return groups.map((group, i) => (i < groups.length - 1 ? `x${group}` : group)).join("/");
}

export function tilePath(level, number, width) {
  const where = level < 0 ? "entries" : String(level);
  return `tile/${where}/${indexPath(number)}${width === WIDTH ? "" : `.p/${width}`}`;
}

/**
 * A tree of fixed size read from tiles. `read(path)` gives bytes, or null where there is no such
 * file. What it reads is not trusted: paths made from it are checked against the signed root.
 */
export class TileTree {
  constructor(size, read) {
    this.size = size;
    this.read = read;
    this.tiles = new Map();
  }

  width(level, number) {
    const hashes = Math.floor(this.size / WIDTH ** Math.max(level, 0));
    const width = Math.min(WIDTH, hashes - number * WIDTH);
    if (width < 1) throw new Failure("tile-missing", tilePath(level, number, WIDTH));
    return width;
  }

  async content(level, number) {
    const width = this.width(level, number);
    const found = await this.read(tilePath(level, number, width));
    if (found !== null) return found;
    // A partial tile may be gone once the full one exists (C2SP tlog-tiles, "Partial Tiles").
    const full = width < WIDTH ? await this.read(tilePath(level, number, WIDTH)) : null;
    if (full === null) throw new Failure("tile-missing", tilePath(level, number, width));
    return level < 0 ? full : full.subarray(0, width * HASH);
  }

  async rows(level, number) {
    const key = `${level}/${number}`;
    if (!this.tiles.has(key)) {
      const bytes = await this.content(level, number);
      const width = this.width(level, number);
      if (bytes.length !== width * HASH) {
        throw new Failure("tile-malformed", tilePath(level, number, width));
      }
      const rows = [[]];
      for (let i = 0; i < width; i++) rows[0].push(bytes.subarray(i * HASH, (i + 1) * HASH));
      while (rows.at(-1).length > 1) {
        const below = rows.at(-1);
        const above = [];
        for (let i = 0; i + 1 < below.length; i += 2) above.push(nodeHash(below[i], below[i + 1]));
        rows.push(above);
      }
      this.tiles.set(key, rows);
    }
    return this.tiles.get(key);
  }

  async nodeAt(height, index) {
    const level = Math.floor(height / 8);
    const rise = height % 8;
    const first = index * 2 ** rise;
    const rows = await this.rows(level, Math.floor(first / WIDTH));
    const node = rows[rise]?.[Math.floor((first % WIDTH) / 2 ** rise)];
    if (!node) throw new Failure("tile-malformed", `${level}/${Math.floor(first / WIDTH)}`);
    return node;
  }

  // The root over leaves [begin, end), folded from perfect subtrees.
  async range(begin, end) {
    const size = end - begin;
    const height = Math.log2(size);
    if (Number.isInteger(height)) return this.nodeAt(height, begin / size);
    const split = begin + largestPowerBelow(size);
    return nodeHash(await this.range(begin, split), await this.range(split, end));
  }

  root() {
    return this.size === 0 ? Promise.resolve(sha256()) : this.range(0, this.size);
  }

  /** PATH(index, D[size]), leaf side first (RFC 9162 section 2.1.3.1). */
  async inclusionPath(index) {
    const path = [];
    let [begin, end] = [0, this.size];
    while (end - begin > 1) {
      const split = begin + largestPowerBelow(end - begin);
      if (index < split) {
        path.unshift(await this.range(split, end));
        end = split;
      } else {
        path.unshift(await this.range(begin, split));
        begin = split;
      }
    }
    return path;
  }

  /** PROOF(old, D[size]) (RFC 9162 section 2.1.4.1). */
  async consistencyPath(old) {
    const path = [];
    let [begin, end, whole] = [0, this.size, true];
    if (old === 0 || old === this.size) return path;
    while (old !== end) {
      const split = begin + largestPowerBelow(end - begin);
      if (old <= split) {
        path.unshift(await this.range(split, end));
        end = split;
      } else {
        path.unshift(await this.range(begin, split));
        begin = split;
        whole = false;
      }
    }
    if (!whole) path.unshift(await this.range(begin, end));
    return path;
  }

  /** The bytes of one entry out of its bundle (16-bit lengths; C2SP tlog-tiles, "Log Entries"). */
  async entry(index) {
    const bundle = await this.content(-1, Math.floor(index / WIDTH));
    const view = new DataView(bundle.buffer, bundle.byteOffset, bundle.byteLength);
    let at = 0;
    for (let left = index % WIDTH; ; left--) {
      if (at + 2 > bundle.length) throw new Failure("bundle-malformed");
      const end = at + 2 + view.getUint16(at);
      if (end > bundle.length) throw new Failure("bundle-malformed");
      if (left === 0) return bundle.slice(at + 2, end);
      at = end;
    }
  }
}

/** Read files of a log served below `address`; null where there is none. */
export function readFrom(address) {
  return async (path) => {
    // Tiles never change, so a cached one is as good; the newest checkpoint is asked for anew.
    const cache = path === "checkpoint" ? "no-store" : "default";
    const response = await fetch(`${address}/${path}`, { credentials: "omit", cache });
    if (response.status === 404) return null;
    if (!response.ok) throw new NotCheckable("not-served", `${path}: ${response.status}`);
    return new Uint8Array(await response.arrayBuffer());
  };
}

// -- heads of the log ----------------------------------------------------------------------------

const BASE64 = /^(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?$/;

/** Standard base64 without surprises. */
export function fromBase64(text) {
  if (!BASE64.test(text)) throw new Failure("not-base64", text.slice(0, 40));
  return Uint8Array.from(atob(text), (character) => character.charCodeAt(0));
}

/** Parse a vkey line `name+keyid+base64(type || key)`, its id checked (C2SP signed-note). */
export function parseVkey(line) {
  const [name, id, ...rest] = line.split("+");
  const typed = fromBase64(rest.join("+"));
  const keyId = sha256(utf8(`${name}\n`), typed).subarray(0, 4);
  if (hex(keyId) !== id) throw new Failure("key-malformed", name);
  return { name, keyId, type: typed[0], raw: typed.subarray(1), line };
}

/** Parse `log.keys`: the Ed25519 key of a log, then its ML-DSA-44 key, under one name. */
export function parseLogKeys(text) {
  const lines = text.split("\n");
  if (lines.length !== 3 || lines[2] !== "") throw new Failure("key-malformed");
  const [first, second] = lines.slice(0, 2).map(parseVkey);
  if (first.type !== 1 || second.type !== 6 || first.name !== second.name) {
    throw new Failure("key-malformed", first.name);
  }
  return { origin: first.name, ed25519: first, mlDsa: second, text };
}

/** Parse a signed note into its text and signature lines; nothing is verified yet. */
export function parseNote(bytes) {
  const whole = new TextDecoder("utf-8", { fatal: true }).decode(bytes);
  const split = whole.lastIndexOf("\n\n");
  if (split < 0 || !whole.endsWith("\n")) throw new Failure("note-malformed");
  const signatures = whole
    .slice(split + 2, -1)
    .split("\n")
    .map((line) => {
      const match = /^— (\S+) (\S+)$/.exec(line);
      if (!match) throw new Failure("note-malformed", line.slice(0, 60));
      const content = fromBase64(match[2]);
      if (content.length < 5) throw new Failure("note-malformed", match[1]);
      return { name: match[1], keyId: content.subarray(0, 4), signature: content.subarray(4) };
    });
  return { text: whole.slice(0, split + 1), signatures };
}

/** Parse the text of a checkpoint: origin, size, root (C2SP tlog-checkpoint). */
export function parseCheckpoint(text) {
  const lines = text.split("\n");
  if (lines.length !== 4 || !/^(0|[1-9][0-9]{0,15})$/.test(lines[1])) {
    throw new Failure("note-malformed", lines[0]);
  }
  const root = fromBase64(lines[2]);
  if (root.length !== HASH) throw new Failure("note-malformed", lines[0]);
  return { origin: lines[0], size: Number(lines[1]), root };
}

/** Verify the log's own Ed25519 signature on a checkpoint; returns the checkpoint and its signers. */
export async function verifyCheckpoint(bytes, keys) {
  const note = parseNote(bytes);
  const checkpoint = parseCheckpoint(note.text);
  if (checkpoint.origin !== keys.origin) {
    throw new Failure("other-log", `${checkpoint.origin}, not ${keys.origin}`);
  }
  const own = note.signatures.find(
    (item) => item.name === keys.ed25519.name && equal(item.keyId, keys.ed25519.keyId),
  );
  if (!own) throw new Failure("signature-missing", keys.origin);
  const { holds, by } = await verifyEd25519(keys.ed25519.raw, own.signature, utf8(note.text));
  if (!holds) throw new Failure("signature-false", keys.origin);
  const timed = note.signatures.find((item) => equal(item.keyId, keys.mlDsa.keyId));
  const at = timed ? Number(new DataView(timed.signature.slice(0, 8).buffer).getBigUint64(0)) : null;
  return { ...checkpoint, by, at, signers: note.signatures.map((item) => item.name), bytes };
}

// -- proofs of one entry -------------------------------------------------------------------------

/** Parse a C2SP tlog-proof: index, path and checkpoint bytes. */
export function parseTlogProof(bytes) {
  const text = new TextDecoder("utf-8", { fatal: true }).decode(bytes);
  const split = text.indexOf("\n\n");
  const lines = text.slice(0, Math.max(split, 0)).split("\n");
  const index = /^index (0|[1-9][0-9]{0,15})$/.exec(lines[1] ?? "");
  if (split < 0 || lines[0] !== "c2sp.org/tlog-proof@v1" || !index) {
    throw new Failure("proof-malformed");
  }
  const path = lines.slice(2).map(fromBase64);
  return { index: Number(index[1]), path, checkpoint: utf8(text.slice(split + 2)) };
}

/** Verify that an entry is in the tree of a text proof; returns index and checkpoint. */
export async function verifyTlogProof(bytes, entry, keys) {
  const proof = parseTlogProof(bytes);
  const checkpoint = await verifyCheckpoint(proof.checkpoint, keys);
  const root = rootFromInclusion(leafHash(entry), proof.index, checkpoint.size, proof.path);
  if (!equal(root, checkpoint.root)) throw new Failure("not-included", `entry ${proof.index}`);
  return { index: proof.index, checkpoint };
}

/** Read index, size and path of a COSE receipt (RFC 9942 section 5.2.1), unverified. */
export function parseReceipt(bytes) {
  const message = parseSign1(bytes);
  const proofs = message.unprotected.get(396)?.get?.(-1);
  if (message.header.get(395) !== 1 || !Array.isArray(proofs) || proofs.length !== 1) {
    throw new Failure("receipt-malformed");
  }
  const [size, index, path] = decodeCbor(proofs[0]);
  const claims = message.header.get(15);
  if (!(claims instanceof Map) || !Array.isArray(path)) throw new Failure("receipt-malformed");
  return { message, size, index, path, issuer: claims.get(1), subject: claims.get(2) };
}

/** Verify a COSE receipt of an entry: the path gives a root, and the log signed that root. */
export async function verifyReceipt(bytes, entry, keys) {
  const receipt = parseReceipt(bytes);
  if (receipt.issuer !== keys.origin) throw new Failure("other-log", String(receipt.issuer));
  if (receipt.subject !== `tree-size:${receipt.size}`) throw new Failure("receipt-malformed");
  const root = rootFromInclusion(leafHash(entry), receipt.index, receipt.size, receipt.path);
  const signed = signedBytes(receipt.message.protectedBytes, root);
  const { holds, by } = await verifyEd25519(keys.ed25519.raw, receipt.message.signature, signed);
  if (!holds) throw new Failure("not-included", `entry ${receipt.index}`);
  return { index: receipt.index, size: receipt.size, root, by };
}

/** Verify a signed act (COSE_Sign1 by an Ed25519 key); returns kind, id, time and body. */
export async function verifyAct(bytes, publicKey) {
  const message = parseSign1(bytes);
  const claims = message.header.get(15);
  if (!(claims instanceof Map) || message.payload === null) throw new Failure("act-malformed");
  const signed = signedBytes(message.protectedBytes, message.payload);
  const { holds, by } = await verifyEd25519(publicKey, message.signature, signed);
  if (!holds) throw new Failure("act-signature-false");
  return {
    kind: claims.get(2),
    issuedAt: claims.get(6),
    id: claims.get(7),
    body: decodeCbor(message.payload),
    by,
  };
}

/** Decode a log entry of an act, or of the log about itself. */
export function decodeEntry(bytes) {
  const parts = decodeCbor(bytes);
  if (!(parts instanceof Map) || parts.get(1) !== 1) throw new Failure("entry-malformed");
  return {
    kind: parts.get(2),
    actId: parts.get(3) ?? null,
    at: parts.get(4),
    outcome: parts.get(5) ?? null,
    evidence: parts.get(6) ?? null,
    ruling: parts.get(7) ?? null,
    subject: parts.get(8) ?? null,
  };
}

/** Check that a salted part opens what an entry shows of it (HMAC-SHA-256, or the part itself). */
export function verifyOpening([salt, content], [shown, value], name) {
  const held = shown === 1 ? content : hmacSha256(salt, content);
  if (shown === 1 && salt.length) throw new Failure("opening-false", name);
  if (!equal(held, value)) throw new Failure("opening-false", name);
  return content;
}

export { concat, decodeCbor, equal, hex, utf8 };
