// Verifies a log and credentials of Entrepot with libraries that its authors did not write.
//
//   node check.mjs log SUBJECT.json          @sigstore/verify: checkpoint and inclusion
//   node check.mjs credentials SUBJECT.json  jose, @sd-jwt, @digitalbazaar, jsonld: certificates
//
// Prints one JSON object per check and exits with 1 at the first thing that does not hold.
import { readFileSync } from 'node:fs';
import { checkCredentials } from './credentials.mjs';
import { checkLog } from './log.mjs';

const checks = { log: checkLog, credentials: checkCredentials };
const [, , what, file] = process.argv;
if (!(what in checks)) throw new Error(`unknown check: ${what}`);
await checks[what](JSON.parse(readFileSync(file, 'utf8')));
