// Reads zip files (APPNOTE 6.3.10) in the browser: names and contents, stored or deflated.
// Sizes over 4 GiB, encryption and other methods are refused with a word.

import { Failure, NotCheckable } from "./verify_log.js";

const END = 0x06054b50;
const CENTRAL = 0x02014b50;
const LOCAL = 0x04034b50;
const ENTRIES_MAX = 2000;

/** Return name → function that gives the content as a Blob, for every file in the zip. */
export async function readZip(blob) {
  const tail = await bytesOf(blob.slice(Math.max(0, blob.size - 65_557)));
  let at = tail.length - 22;
  while (at >= 0 && view(tail).getUint32(at, true) !== END) at--;
  if (at < 0) throw new Failure("zip-malformed");
  const end = view(tail);
  const count = end.getUint16(at + 10, true);
  const size = end.getUint32(at + 12, true);
  const start = end.getUint32(at + 16, true);
  if (count > ENTRIES_MAX || start === 0xffffffff) throw new NotCheckable("zip-too-large");
  const directory = await bytesOf(blob.slice(start, start + size));
  const table = view(directory);
  const found = new Map();
  let place = 0;
  for (let left = count; left > 0; left--) {
    if (place + 46 > directory.length || table.getUint32(place, true) !== CENTRAL) {
      throw new Failure("zip-malformed");
    }
    const entry = {
      flags: table.getUint16(place + 8, true),
      method: table.getUint16(place + 10, true),
      packed: table.getUint32(place + 20, true),
      size: table.getUint32(place + 24, true),
      offset: table.getUint32(place + 42, true),
    };
    const nameLength = table.getUint16(place + 28, true);
    const name = new TextDecoder("utf-8", { fatal: true }).decode(
      directory.subarray(place + 46, place + 46 + nameLength),
    );
    place += 46 + nameLength + table.getUint16(place + 30, true) + table.getUint16(place + 32, true);
    if (name.endsWith("/")) continue;
    if (found.has(name) || /(^|\/)\.\.?(\/|$)|^\/|\\/.test(name)) throw new Failure("zip-malformed", name);
    if (entry.flags & 1 || ![0, 8].includes(entry.method)) throw new NotCheckable("zip-method", name);
    found.set(name, () => contentOf(blob, entry, name));
  }
  return withoutFolder(found);
}

async function contentOf(blob, entry, name) {
  const head = view(await bytesOf(blob.slice(entry.offset, entry.offset + 30)));
  if (head.byteLength < 30 || head.getUint32(0, true) !== LOCAL) throw new Failure("zip-malformed", name);
  const begin = entry.offset + 30 + head.getUint16(26, true) + head.getUint16(28, true);
  const packed = blob.slice(begin, begin + entry.packed);
  if (entry.method === 0) return packed;
  if (typeof DecompressionStream === "undefined") throw new NotCheckable("zip-method", name);
  const reader = packed.stream().pipeThrough(new DecompressionStream("deflate-raw")).getReader();
  const pieces = [];
  let size = 0;
  for (;;) {
    const { done, value } = await reader.read();
    if (done) break;
    size += value.length;
    if (size > entry.size) throw new Failure("zip-malformed", name); // a bomb, or a lie
    pieces.push(value);
  }
  if (size !== entry.size) throw new Failure("zip-malformed", name);
  return new Blob(pieces);
}

/** Leave out the one folder that stands around everything, as most programs pack it. */
export function withoutFolder(found) {
  const first = [...new Set([...found.keys()].map((name) => name.split("/")[0]))];
  const around = first.length === 1 && [...found.keys()].every((name) => name.includes("/"));
  if (!around) return found;
  return new Map([...found].map(([name, read]) => [name.slice(first[0].length + 1), read]));
}

export const bytesOf = async (blob) => new Uint8Array(await blob.arrayBuffer());
const view = (bytes) => new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
