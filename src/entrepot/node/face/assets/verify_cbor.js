// The deterministic CBOR that acts, entries and receipts are written in (RFC 8949 section 4.2.1).
//
// Only what the log uses: whole numbers, bytes, text, lists, maps, true, false, null and tags.
// Anything else, a longer form than needed, or bytes left over is an error.

import { concat, utf8 } from "./verify_crypto.js";

const DEPTH_MAX = 32;

export class CborError extends Error {}

/** Decode one item that fills `bytes`; maps become Map, byte strings Uint8Array, tags {tag, value}. */
export function decodeCbor(bytes) {
  const reader = { bytes, at: 0 };
  const value = item(reader, 0);
  if (reader.at !== bytes.length) throw new CborError("bytes are left over");
  return value;
}

function take(reader, count) {
  if (reader.at + count > reader.bytes.length) throw new CborError("the content ends early");
  const part = reader.bytes.subarray(reader.at, reader.at + count);
  reader.at += count;
  return part;
}

function argument(reader, short) {
  if (short < 24) return short;
  if (short > 27) throw new CborError("indefinite or reserved length");
  const width = 1 << (short - 24);
  let value = 0n;
  for (const byte of take(reader, width)) value = (value << 8n) | BigInt(byte);
  const least = [24n, 1n << 8n, 1n << 16n, 1n << 32n][short - 24];
  if (value < least) throw new CborError("a number is not in its shortest form");
  return value <= BigInt(Number.MAX_SAFE_INTEGER) ? Number(value) : value;
}

function length(reader, short) {
  const value = argument(reader, short);
  if (typeof value !== "number" || value > reader.bytes.length - reader.at) {
    throw new CborError("a length goes beyond the content");
  }
  return value;
}

function item(reader, depth) {
  if (depth > DEPTH_MAX) throw new CborError("nested too deeply");
  const head = take(reader, 1)[0];
  const short = head & 31;
  switch (head >> 5) {
    case 0:
      return argument(reader, short);
    case 1: {
      const value = argument(reader, short);
      return typeof value === "number" ? -1 - value : -1n - value;
    }
    case 2:
      return take(reader, length(reader, short)).slice();
    case 3:
      return new TextDecoder("utf-8", { fatal: true }).decode(take(reader, length(reader, short)));
    case 4: {
      const list = [];
      for (let left = length(reader, short); left > 0; left--) list.push(item(reader, depth + 1));
      return list;
    }
    case 5: {
      const map = new Map();
      for (let left = length(reader, short); left > 0; left--) {
        const key = item(reader, depth + 1);
        if (map.has(key)) throw new CborError("a key stands twice");
        map.set(key, item(reader, depth + 1));
      }
      return map;
    }
    case 6:
      return { tag: argument(reader, short), value: item(reader, depth + 1) };
    default:
      if (short === 20) return false;
      if (short === 21) return true;
      if (short === 22) return null;
      throw new CborError("a value of a type that the log does not use");
  }
}

function head(major, value) {
  if (value < 24) return new Uint8Array([(major << 5) | value]);
  if (value < 1 << 8) return new Uint8Array([(major << 5) | 24, value]);
  if (value < 1 << 16) return new Uint8Array([(major << 5) | 25, value >> 8, value & 255]);
  const out = new Uint8Array(5);
  out[0] = (major << 5) | 26;
  new DataView(out.buffer).setUint32(1, value);
  return out;
}

const bytesItem = (bytes) => concat(head(2, bytes.length), bytes);

/** The Sig_structure of a COSE_Sign1 (RFC 9052 section 4.4). */
export function signedBytes(protectedBytes, payload) {
  const context = utf8("Signature1");
  return concat(
    head(4, 4),
    concat(head(3, context.length), context),
    bytesItem(protectedBytes),
    bytesItem(new Uint8Array(0)),
    bytesItem(payload),
  );
}

/** Parse a tagged COSE_Sign1 into its four parts, with the protected map decoded. */
export function parseSign1(bytes) {
  const message = decodeCbor(bytes);
  if (message?.tag !== 18 || !Array.isArray(message.value) || message.value.length !== 4) {
    throw new CborError("not a COSE_Sign1 message");
  }
  const [protectedBytes, unprotected, payload, signature] = message.value;
  if (
    !(protectedBytes instanceof Uint8Array) ||
    !(unprotected instanceof Map) ||
    !(payload === null || payload instanceof Uint8Array) ||
    !(signature instanceof Uint8Array)
  ) {
    throw new CborError("a part of the message has the wrong type");
  }
  const header = decodeCbor(protectedBytes);
  if (!(header instanceof Map)) throw new CborError("the header is no map");
  return { protectedBytes, header, unprotected, payload, signature };
}
