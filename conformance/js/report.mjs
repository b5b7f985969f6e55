// Prints findings, each with the version of the library that made it.
import { readFileSync } from 'node:fs';

function version(name) {
  const file = new URL(`./node_modules/${name}/package.json`, import.meta.url);
  return JSON.parse(readFileSync(file, 'utf8')).version;
}

export function report(client, checked, held, rejected) {
  console.log(JSON.stringify({ client, version: version(client), checked, held, rejected }));
}

// Returns base64url with one bit changed in the middle.
export function forged(text) {
  const bytes = Buffer.from(text, 'base64url');
  bytes[bytes.length >> 1] ^= 1;
  return bytes.toString('base64url');
}
