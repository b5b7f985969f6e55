// Verifies credentials and status lists of a registry with foreign JavaScript libraries.
// Reads what test_credentials_js.py wrote (argument 1), prints one JSON object with the findings.
import {readFileSync} from 'node:fs';
import {decodeList} from '@digitalbazaar/vc-bitstring-status-list';
import {digest} from '@sd-jwt/crypto-nodejs';
import {SDJwtVcInstance} from '@sd-jwt/sd-jwt-vc';
import * as jose from 'jose';
import jsonld from 'jsonld';

const given = JSON.parse(readFileSync(process.argv[2]));
const w3c = JSON.parse(readFileSync(
  new URL('./node_modules/@digitalbazaar/credentials-context/contexts/v2.jsonld', import.meta.url)));
const found = {};

async function holds(jwk, data, signature) {
  const key = await crypto.subtle.importKey('jwk', jwk, 'Ed25519', false, ['verify']);
  return crypto.subtle.verify('Ed25519', key, Buffer.from(signature, 'base64url'), Buffer.from(data));
}

// jose: the signatures of the W3C credentials and of both lists.
const key = await jose.importJWK({...given.jwk, alg: 'EdDSA'}, 'EdDSA');
for (const name of ['valid_vc', 'revoked_vc', 'bitstring', 'tokens']) {
  const {protectedHeader} = await jose.compactVerify(given[name], key);
  found[`jose ${name}`] = protectedHeader.typ;
}

// @sd-jwt: disclosures, key binding, term, and the Token Status List.
for (const name of ['valid', 'revoked']) {
  const verifier = (data, signature) => holds(given.jwk, data, signature);
  const instance = new SDJwtVcInstance({
    hasher: digest,
    hashAlg: 'sha-256',
    verifier,
    kbVerifier: (data, signature, payload) => holds(payload.cnf.jwk, data, signature),
    statusListFetcher: async (uri) => {
      if (uri !== given.token_uri) throw new Error(`another list: ${uri}`);
      return given.tokens;
    },
    statusVerifier: verifier,
    statusValidator: async (status) => {
      if (status !== 0) throw new Error(`status ${status}`);
    },
  });
  try {
    const {payload} = await instance.verify(given[`${name}_shown`], ['name'], true);
    found[`sd-jwt ${name}`] = `${payload.name} ${payload.country} ${'party' in payload}`;
  } catch (error) {
    found[`sd-jwt ${name}`] = error.message;
  }
}

// @digitalbazaar: the bits of the Bitstring Status List.
const {credentialSubject} = jose.decodeJwt(given.bitstring);
const list = await decodeList({encodedList: credentialSubject.encodedList});
for (const name of ['valid_vc', 'revoked_vc']) {
  const {statusListIndex} = jose.decodeJwt(given[name]).credentialStatus;
  found[`bitstring ${name}`] = list.getStatus(Number(statusListIndex));
}

// jsonld: every term is defined, none is defined twice (safe mode), and there is a canonical form.
const contexts = {'https://www.w3.org/ns/credentials/v2': w3c, [given.context_url]: given.context};
const documentLoader = async (url) => {
  if (!(url in contexts)) throw new Error(`nothing is fetched: ${url}`);
  return {document: contexts[url], documentUrl: url};
};
for (const name of ['valid_vc', 'bitstring']) {
  const options = {documentLoader, safe: true, algorithm: 'RDFC-1.0', format: 'application/n-quads'};
  const quads = await jsonld.canonize(jose.decodeJwt(given[name]), options);
  found[`jsonld ${name}`] = quads.trim().split('\n').length;
}
console.log(JSON.stringify(found));
