// SHA-256, SHA-512, HMAC and Ed25519 verification for proofs of the log.
//
// Hashes of the tree are computed here (65 bytes each: a call into WebCrypto costs more than the
// hash). Signatures are checked by the browser's own Ed25519 where it has one, and by the arithmetic
// of RFC 8032 below where it has none or the page is not in a secure context (plain http on a lan).
// Sources: FIPS 180-4, RFC 2104, RFC 8032 section 5.1.7. Nothing here makes keys or signatures.

const K256 = new Uint32Array(64);
const H256 = new Uint32Array(8);
const K512 = [];
const H512 = [];

// The constants of FIPS 180-4: fractional parts of the square and cube roots of the first primes.
(function constants() {
  const primes = [];
  for (let n = 2; primes.length < 80; n++) {
    if (primes.every((p) => n % p !== 0)) primes.push(n);
  }
  const root = (value, power, bits) => {
    // floor(value^(1/power) * 2^bits) by bisection on integers, then the fraction's bits.
    const target = BigInt(value) << BigInt(bits * power);
    let low = 0n;
    let high = 1n << BigInt(bits + 5);
    while (high - low > 1n) {
      const middle = (low + high) >> 1n;
      if (middle ** BigInt(power) <= target) low = middle;
      else high = middle;
    }
    return low & ((1n << BigInt(bits)) - 1n);
  };
  primes.forEach((prime, i) => {
    const cube = root(prime, 3, 64);
    K512.push(cube);
    if (i < 64) K256[i] = Number(cube >> 32n);
    if (i < 8) {
      const square = root(prime, 2, 64);
      H512.push(square);
      H256[i] = Number(square >> 32n);
    }
  });
})();

/** SHA-256 fed in pieces: update(bytes) as often as wanted, then finish() gives 32 bytes. */
export class Sha256 {
  constructor() {
    this.state = H256.slice();
    this.block = new Uint8Array(64);
    this.filled = 0;
    this.length = 0;
    this.words = new Uint32Array(64);
  }

  update(bytes) {
    this.length += bytes.length;
    let at = 0;
    while (at < bytes.length) {
      const taken = Math.min(64 - this.filled, bytes.length - at);
      this.block.set(bytes.subarray(at, at + taken), this.filled);
      this.filled += taken;
      at += taken;
      if (this.filled === 64) {
        this.compress();
        this.filled = 0;
      }
    }
    return this;
  }

  finish() {
    const bits = this.length * 8;
    this.block[this.filled++] = 0x80;
    if (this.filled > 56) {
      this.block.fill(0, this.filled);
      this.compress();
      this.filled = 0;
    }
    this.block.fill(0, this.filled);
    const view = new DataView(this.block.buffer);
    view.setUint32(56, Math.floor(bits / 2 ** 32));
    view.setUint32(60, bits >>> 0);
    this.compress();
    const out = new Uint8Array(32);
    const result = new DataView(out.buffer);
    this.state.forEach((word, i) => result.setUint32(i * 4, word));
    return out;
  }

  compress() {
    const w = this.words;
    const view = new DataView(this.block.buffer);
    for (let i = 0; i < 16; i++) w[i] = view.getUint32(i * 4);
    for (let i = 16; i < 64; i++) {
      const x = w[i - 15];
      const y = w[i - 2];
      const s0 = ((x >>> 7) | (x << 25)) ^ ((x >>> 18) | (x << 14)) ^ (x >>> 3);
      const s1 = ((y >>> 17) | (y << 15)) ^ ((y >>> 19) | (y << 13)) ^ (y >>> 10);
      w[i] = (w[i - 16] + s0 + w[i - 7] + s1) | 0;
    }
    let [a, b, c, d, e, f, g, h] = this.state;
    for (let i = 0; i < 64; i++) {
      const s1 = ((e >>> 6) | (e << 26)) ^ ((e >>> 11) | (e << 21)) ^ ((e >>> 25) | (e << 7));
      const t1 = (h + s1 + ((e & f) ^ (~e & g)) + K256[i] + w[i]) | 0;
      const s0 = ((a >>> 2) | (a << 30)) ^ ((a >>> 13) | (a << 19)) ^ ((a >>> 22) | (a << 10));
      const t2 = (s0 + ((a & b) ^ (a & c) ^ (b & c))) | 0;
      h = g;
      g = f;
      f = e;
      e = (d + t1) | 0;
      d = c;
      c = b;
      b = a;
      a = (t1 + t2) | 0;
    }
    const s = this.state;
    [a, b, c, d, e, f, g, h].forEach((value, i) => {
      s[i] = (s[i] + value) | 0;
    });
  }
}

/** SHA-256 of bytes. */
export function sha256(...parts) {
  const hash = new Sha256();
  for (const part of parts) hash.update(part);
  return hash.finish();
}

/** HMAC-SHA-256 (RFC 2104). */
export function hmacSha256(key, content) {
  const block = new Uint8Array(64);
  block.set(key.length > 64 ? sha256(key) : key);
  const inner = block.map((byte) => byte ^ 0x36);
  const outer = block.map((byte) => byte ^ 0x5c);
  return sha256(outer, sha256(inner, content));
}

const MASK64 = (1n << 64n) - 1n;

/** SHA-512 of bytes; in BigInt, for the few hundred bytes that a signature covers. */
export function sha512(...parts) {
  const message = concat(...parts);
  const size = Math.ceil((message.length + 17) / 128) * 128;
  const padded = new Uint8Array(size);
  padded.set(message);
  padded[message.length] = 0x80;
  const view = new DataView(padded.buffer);
  view.setBigUint64(size - 8, BigInt(message.length) * 8n);
  const rotate = (x, n) => ((x >> n) | (x << (64n - n))) & MASK64;
  const state = H512.slice();
  for (let block = 0; block < size; block += 128) {
    const w = [];
    for (let i = 0; i < 16; i++) w.push(view.getBigUint64(block + i * 8));
    for (let i = 16; i < 80; i++) {
      const x = w[i - 15];
      const y = w[i - 2];
      const s0 = rotate(x, 1n) ^ rotate(x, 8n) ^ (x >> 7n);
      const s1 = rotate(y, 19n) ^ rotate(y, 61n) ^ (y >> 6n);
      w.push((w[i - 16] + s0 + w[i - 7] + s1) & MASK64);
    }
    let [a, b, c, d, e, f, g, h] = state;
    for (let i = 0; i < 80; i++) {
      const s1 = rotate(e, 14n) ^ rotate(e, 18n) ^ rotate(e, 41n);
      const t1 = (h + s1 + ((e & f) ^ (~e & MASK64 & g)) + K512[i] + w[i]) & MASK64;
      const s0 = rotate(a, 28n) ^ rotate(a, 34n) ^ rotate(a, 39n);
      const t2 = (s0 + ((a & b) ^ (a & c) ^ (b & c))) & MASK64;
      [h, g, f, e, d, c, b, a] = [g, f, e, (d + t1) & MASK64, c, b, a, (t1 + t2) & MASK64];
    }
    [a, b, c, d, e, f, g, h].forEach((value, i) => {
      state[i] = (state[i] + value) & MASK64;
    });
  }
  const out = new Uint8Array(64);
  const result = new DataView(out.buffer);
  state.forEach((word, i) => result.setBigUint64(i * 8, word));
  return out;
}

// -- Ed25519 (RFC 8032 section 5.1), verification only ------------------------------------------

const P = 2n ** 255n - 19n;
const L = 2n ** 252n + 27742317777372353535851937790883648493n;
const mod = (a) => ((a % P) + P) % P;

function power(value, exponent) {
  let result = 1n;
  let factor = mod(value);
  for (let rest = exponent; rest > 0n; rest >>= 1n) {
    if (rest & 1n) result = (result * factor) % P;
    factor = (factor * factor) % P;
  }
  return result;
}

const D = mod(-121665n * power(121666n, P - 2n));
const SQRT_M1 = power(2n, (P - 1n) / 4n);
const BASE = [
  15112221349535400772501151409588531511454012693041857206046113283949847762202n,
  46316835694926478169428394003475163141307993866256225615783033603165251855960n,
];

// Points in extended coordinates (X, Y, Z, T), RFC 8032 section 5.1.4.
function add([x1, y1, z1, t1], [x2, y2, z2, t2]) {
  const a = ((y1 - x1) * (y2 - x2)) % P;
  const b = ((y1 + x1) * (y2 + x2)) % P;
  const c = (2n * t1 * t2 * D) % P;
  const d = (2n * z1 * z2) % P;
  const [e, f, g, h] = [b - a, d - c, d + c, b + a];
  return [mod(e * f), mod(g * h), mod(f * g), mod(e * h)];
}

function multiply(scalar, point) {
  let result = [0n, 1n, 1n, 0n];
  let factor = point;
  for (let rest = scalar; rest > 0n; rest >>= 1n) {
    if (rest & 1n) result = add(result, factor);
    factor = add(factor, factor);
  }
  return result;
}

function littleEndian(bytes) {
  let value = 0n;
  for (let i = bytes.length - 1; i >= 0; i--) value = (value << 8n) | BigInt(bytes[i]);
  return value;
}

// RFC 8032 section 5.1.3; null when the bytes are no point.
function decompress(bytes) {
  const packed = littleEndian(bytes);
  const y = packed & ((1n << 255n) - 1n);
  const sign = packed >> 255n;
  if (y >= P) return null;
  const u = mod(y * y - 1n);
  const v = mod(D * y * y + 1n);
  let x = mod(u * power(v, 3n) * power(u * power(v, 7n), (P - 5n) / 8n));
  const check = mod(v * x * x);
  if (check !== u) {
    if (check !== mod(-u)) return null;
    x = mod(x * SQRT_M1);
  }
  if (x === 0n && sign === 1n) return null;
  if ((x & 1n) !== sign) x = P - x;
  return [x, y, 1n, mod(x * y)];
}

/** Verify an Ed25519 signature with the arithmetic of this page (RFC 8032 section 5.1.7). */
export function verifyEd25519Here(publicKey, signature, message) {
  if (publicKey.length !== 32 || signature.length !== 64) return false;
  const a = decompress(publicKey);
  const r = decompress(signature.subarray(0, 32));
  const s = littleEndian(signature.subarray(32));
  if (a === null || r === null || s >= L) return false;
  const k = littleEndian(sha512(signature.subarray(0, 32), publicKey, message)) % L;
  const left = multiply(s, [BASE[0], BASE[1], 1n, mod(BASE[0] * BASE[1])]);
  const right = add(r, multiply(k, a));
  return (
    mod(left[0] * right[2] - right[0] * left[2]) === 0n &&
    mod(left[1] * right[2] - right[1] * left[2]) === 0n
  );
}

/**
 * Verify an Ed25519 signature; returns {holds, by} where `by` is "browser" or "page".
 * `crypto.subtle` is absent outside secure contexts, and lacks Ed25519 in older browsers.
 */
export async function verifyEd25519(publicKey, signature, message) {
  if (globalThis.crypto?.subtle) {
    try {
      const key = await crypto.subtle.importKey("raw", publicKey, "Ed25519", false, ["verify"]);
      return {
        holds: await crypto.subtle.verify("Ed25519", key, signature, message),
        by: "browser",
      };
    } catch (error) {
      // No Ed25519 in this browser, or the bytes are no key: the arithmetic below decides.
      if (!(error instanceof DOMException)) throw error;
    }
  }
  return { holds: verifyEd25519Here(publicKey, signature, message), by: "page" };
}

/** SHA-256 of a Blob, read in pieces so that a large file is never whole in memory. */
export async function sha256OfBlob(blob, onProgress = () => {}) {
  const hash = new Sha256();
  const piece = 4 << 20;
  for (let at = 0; at < blob.size; at += piece) {
    hash.update(new Uint8Array(await blob.slice(at, at + piece).arrayBuffer()));
    onProgress(Math.min(blob.size, at + piece), blob.size);
  }
  return hash.finish();
}

// -- bytes ---------------------------------------------------------------------------------------

export function concat(...parts) {
  const out = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0));
  let at = 0;
  for (const part of parts) {
    out.set(part, at);
    at += part.length;
  }
  return out;
}

export function equal(a, b) {
  return a.length === b.length && a.every((byte, i) => byte === b[i]);
}

export function hex(bytes) {
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");
}

export const utf8 = (text) => new TextEncoder().encode(text);

export function toBase64(bytes) {
  let text = "";
  for (const byte of bytes) text += String.fromCharCode(byte);
  return btoa(text);
}
