// Verifies a log and credentials of Entrepot with libraries that its authors did not write.
//
//   node check.mjs log SUBJECT.json          @sigstore/verify: checkpoint and inclusion
//   node check.mjs credentials SUBJECT.json  jose and @sd-jwt/sd-jwt-vc: certificates and status
//
// Prints one JSON object per check and exits with 1 at the first thing that does not hold.
import assert from 'node:assert/strict';
import { createHash, createPublicKey, randomBytes, verify } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { gunzipSync, inflateSync } from 'node:zlib';

const require = createRequire(import.meta.url);
const [, , what, file] = process.argv;
const subject = JSON.parse(readFileSync(file, 'utf8'));

function version(name) {
  let folder = dirname(require.resolve(name));
  for (;;) {
    try {
      const found = JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8'));
      if (found.name === name) return found.version;
    } catch { /* not here: look one folder up */ }
    folder = dirname(folder);
  }
}

function report(client, checked, held, rejected) {
  console.log(JSON.stringify({ client, version: version(client), checked, held, rejected }));
}

function checkLog() {
  const inside = join(dirname(require.resolve('@sigstore/verify')), 'tlog');
  const { verifyCheckpoint } = require(join(inside, 'checkpoint.js'));
  const { verifyMerkleInclusion } = require(join(inside, 'merkle.js'));
  const [name, hint, ...rest] = subject.vkey.split('+');
  const raw = Buffer.from(rest.join('+'), 'base64').subarray(1);
  const spki = Buffer.concat([Buffer.from('302a300506032b6570032100', 'hex'), raw]);
  const tlog = {
    logID: Buffer.from(hint, 'hex'),
    publicKey: createPublicKey({ key: spki, format: 'der', type: 'spki' }),
    baseURL: name,
  };
  const entryOf = (proof, envelope) => ({
    canonicalizedBody: Buffer.from(proof.entry, 'base64'),
    inclusionProof: {
      logIndex: String(proof.index),
      treeSize: String(proof.size),
      hashes: proof.path.map((item) => Buffer.from(item, 'base64')),
      checkpoint: { envelope },
    },
  });
  const proven = subject.proofs.map((proof) => entryOf(proof, subject.checkpoint));
  const checkpoint = verifyCheckpoint(proven[0], [tlog]);
  const forged = subject.checkpoint.replace(/\n(\d+)\n/, (_, size) => `\n${Number(size) + 1}\n`);
  assert.throws(() => verifyCheckpoint(entryOf(subject.proofs[0], forged), [tlog]));
  report('@sigstore/verify', 'checkpoint signature', 1, 1);
  let rejected = 0;
  for (const entry of proven) {
    verifyMerkleInclusion(entry, checkpoint);
    const other = { ...entry, canonicalizedBody: Buffer.concat([entry.canonicalizedBody, Buffer.from([0])]) };
    assert.throws(() => verifyMerkleInclusion(other, checkpoint));
    rejected += 1;
  }
  report('@sigstore/verify', 'inclusion', proven.length, rejected);
}

async function checkCredentials() {
  const { importJWK, jwtVerify } = await import('jose');
  const key = await importJWK(subject.jwk, 'EdDSA');
  let rejected = 0;
  for (const token of subject.jwts) {
    const { payload } = await jwtVerify(token, key, { currentDate: new Date(subject.now * 1000) });
    assert.ok(payload.credentialSubject ?? payload.vc ?? payload.status_list);
    const [head, body, signature] = token.split('.');
    const bytes = Buffer.from(body, 'base64url');
    bytes[bytes.length >> 1] ^= 1;
    await assert.rejects(jwtVerify([head, bytes.toString('base64url'), signature].join('.'), key));
    rejected += 1;
  }
  report('jose', 'certificates and status lists as JWT', subject.jwts.length, rejected);
  await checkSelective(subject);
  checkStatus(subject);
}

async function checkSelective({ sdjwts, jwk, now }) {
  const { SDJwtVcInstance } = await import('@sd-jwt/sd-jwt-vc');
  const key = createPublicKey({ key: jwk, format: 'jwk' });
  const instance = new SDJwtVcInstance({
    hasher: (content, algorithm) => createHash(algorithm.replace('-', '')).update(content).digest(),
    hashAlg: 'sha-256',
    saltGenerator: (length) => randomBytes(length).toString('base64url'),
    verifier: (content, signature) =>
      verify(null, Buffer.from(content), key, Buffer.from(signature, 'base64url')),
    statusListFetcher: async () => { throw new Error('no network here'); },
  });
  let held = 0;
  let rejected = 0;
  for (const { compact, discloses } of sdjwts) {
    const { payload } = await instance.verify(compact, { currentDate: now, skipStatusCheck: true, disableStatusVerification: true });
    for (const name of discloses) assert.ok(name in payload, name);
    held += 1;
    const parts = compact.split('~');
    if (parts[1]) {
      const disclosure = JSON.parse(Buffer.from(parts[1], 'base64url'));
      disclosure[2] = 'forged';
      parts[1] = Buffer.from(JSON.stringify(disclosure)).toString('base64url');
      const outcome = await instance.verify(parts.join('~'), { currentDate: now, disableStatusVerification: true })
        .then((found) => found.payload, () => ({}));
      assert.notEqual(outcome[disclosure[1]], 'forged');
      rejected += 1;
    }
  }
  report('@sd-jwt/sd-jwt-vc', 'certificates as SD-JWT VC, disclosures', held, rejected);
}

function checkStatus({ bitstring, revoked, valid, jwts }) {
  if (!bitstring) return;
  const list = JSON.parse(Buffer.from(bitstring.split('.')[1], 'base64url'));
  const encoded = (list.credentialSubject ?? list.vc.credentialSubject).encodedList;
  const bits = gunzipSync(Buffer.from(encoded.replace(/^u/, ''), 'base64url'));
  const at = (index) => (bits[index >> 3] >> (7 - (index & 7))) & 1;
  for (const index of revoked) assert.equal(at(index), 1);
  for (const index of valid) assert.equal(at(index), 0);
}

if (what === 'log') checkLog();
else await checkCredentials();
