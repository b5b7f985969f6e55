// @sigstore/verify: the signature of a checkpoint and inclusion proofs, as Rekor's are verified.
import assert from 'node:assert/strict';
import { createPublicKey } from 'node:crypto';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { report } from './report.mjs';

const require = createRequire(import.meta.url);
const inside = join(dirname(require.resolve('@sigstore/verify')), 'tlog');
const { verifyCheckpoint } = require(join(inside, 'checkpoint.js'));
const { verifyMerkleInclusion } = require(join(inside, 'merkle.js'));
const SPKI_HEAD = '302a300506032b6570032100';

function logOf(vkey) {
  const [name, hint, ...rest] = vkey.split('+');
  const raw = Buffer.from(rest.join('+'), 'base64').subarray(1);
  const spki = Buffer.concat([Buffer.from(SPKI_HEAD, 'hex'), raw]);
  const publicKey = createPublicKey({ key: spki, format: 'der', type: 'spki' });
  return { logID: Buffer.from(hint, 'hex'), publicKey, baseURL: name };
}

function entryOf(proof, envelope) {
  return {
    canonicalizedBody: Buffer.from(proof.entry, 'base64'),
    inclusionProof: {
      logIndex: String(proof.index),
      treeSize: String(proof.size),
      hashes: proof.path.map((item) => Buffer.from(item, 'base64')),
      checkpoint: { envelope },
    },
  };
}

export async function checkLog(subject) {
  const log = logOf(subject.vkey);
  const proven = subject.proofs.map((proof) => entryOf(proof, subject.checkpoint));
  const checkpoint = verifyCheckpoint(proven[0], [log]);
  const grown = subject.checkpoint.replace(/\n(\d+)\n/, (_, size) => `\n${Number(size) + 1}\n`);
  assert.throws(() => verifyCheckpoint(entryOf(subject.proofs[0], grown), [log]));
  report('@sigstore/verify', 'checkpoint signature', 1, 1);
  let rejected = 0;
  for (const entry of proven) {
    verifyMerkleInclusion(entry, checkpoint);
    const canonicalizedBody = Buffer.concat([entry.canonicalizedBody, Buffer.from([0])]);
    assert.throws(() => verifyMerkleInclusion({ ...entry, canonicalizedBody }, checkpoint));
    rejected += 1;
  }
  report('@sigstore/verify', 'inclusion', proven.length, rejected);
}
