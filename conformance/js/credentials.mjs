// Certificates, status lists, keys, context and type metadata, fetched from a served node as a
// stranger does, and verified by libraries for JOSE, SD-JWT VC, status lists and JSON-LD.
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { decodeList } from '@digitalbazaar/vc-bitstring-status-list';
import { digest } from '@sd-jwt/crypto-nodejs';
import { SDJwtVcInstance } from '@sd-jwt/sd-jwt-vc';
import * as jose from 'jose';
import jsonld from 'jsonld';
import { forged, report } from './report.mjs';

const W3C = 'https://www.w3.org/ns/credentials/v2';
const w3cFile = './node_modules/@digitalbazaar/credentials-context/contexts/v2.jsonld';
const w3c = JSON.parse(readFileSync(new URL(w3cFile, import.meta.url), 'utf8'));

async function fetched(url, accept) {
  const answer = await fetch(url, { headers: { accept } });
  if (!answer.ok) throw new Error(`${url}: ${answer.status}`);
  return answer;
}

const textOf = async (url, accept) => (await fetched(url, accept)).text();
const jsonOf = async (url) => (await fetched(url, 'application/json')).json();

export async function checkCredentials(subject) {
  const { url, certificates } = subject;
  const { jwks } = await jsonOf(`${url}/.well-known/jwt-vc-issuer`);
  const got = { lists: await textOf(`${url}/status/bitstring/0`, 'application/vc+jwt') };
  for (const [name, index] of Object.entries(certificates)) {
    got[name] = await textOf(`${url}/registry/certificates/${index}`, 'application/vc+jwt');
  }
  const tokens = await textOf(`${url}/status/tokens/0`, '*/*');
  const document = await jsonOf(`${url}/.well-known/did.json`);
  await checkSignatures(Object.values(got), (head) => fromDocument(document, head));
  await checkSignatures([tokens], jose.createLocalJWKSet(jwks));
  report('jose', 'W3C credentials and status list as JWT, key by the DID document', 3, 6);
  report('jose', 'Token Status List as JWT, key by the issuer metadata', 1, 2);
  await checkSelective(subject, jwks);
  await checkBits(subject, got);
  await checkTerms(subject, got);
}

// Returns the key that a token names, if the DID document lists it for assertions.
async function fromDocument({ verificationMethod, assertionMethod }, { kid }) {
  assert.ok(assertionMethod.includes(kid), kid);
  const { publicKeyJwk } = verificationMethod.find(({ id }) => id === kid);
  return jose.importJWK(publicKeyJwk, 'EdDSA');
}

// jose: signatures under the published key, and none under another or over other bytes.
async function checkSignatures(tokens, keys) {
  const { publicKey: stranger } = await jose.generateKeyPair('EdDSA');
  for (const token of tokens) {
    const { protectedHeader } = await jose.compactVerify(token, keys);
    assert.match(protectedHeader.typ, /^(vc|statuslist)\+jwt$/);
    const [head, body, signature] = token.split('.');
    await assert.rejects(jose.compactVerify([head, forged(body), signature].join('.'), keys));
    await assert.rejects(jose.compactVerify(token, stranger));
  }
}

async function holds(jwk, text, signature) {
  const key = await crypto.subtle.importKey('jwk', jwk, 'Ed25519', false, ['verify']);
  return crypto.subtle.verify('Ed25519', key, Buffer.from(signature, 'base64url'), Buffer.from(text));
}

async function heldByAny(jwks, text, signature) {
  for (const jwk of jwks.keys) if (await holds(jwk, text, signature)) return true;
  return false;
}

function instanceFor(jwks) {
  const verifier = (text, signature) => heldByAny(jwks, text, signature);
  return new SDJwtVcInstance({
    hasher: digest,
    hashAlg: 'sha-256',
    verifier,
    statusVerifier: verifier,
    kbVerifier: (text, signature, payload) => holds(payload.cnf.jwk, text, signature),
    statusListFetcher: (uri) => textOf(uri, 'application/statuslist+jwt'),
    vctFetcher: (uri) => jsonOf(uri),
  });
}

// @sd-jwt: disclosures, key binding, term, Token Status List, type metadata.
async function checkSelective({ shown, disclosed, nonce, url }, jwks) {
  const instance = instanceFor(jwks);
  const options = { requiredClaimKeys: disclosed, keyBindingNonce: nonce };
  const { payload, kb } = await instance.verify(shown.valid, options);
  for (const name of disclosed) assert.equal(typeof payload[name], 'string');
  assert.ok(!('party' in payload), 'what was not disclosed is not seen');
  assert.ok(kb, 'the holder is bound');
  const type = await instance.getVct(shown.valid);
  assert.ok(payload.vct.startsWith(url) && type.mergedTypeMetadata.vct === payload.vct);
  await assert.rejects(instance.verify(shown.revoked, options), /[Ss]tatus/);
  const forgeries = forgeriesOf(shown.valid);
  for (const forgery of forgeries) await assert.rejects(instance.verify(forgery, options));
  await assert.rejects(instance.verify(shown.valid, { ...options, keyBindingNonce: 'other' }));
  const late = { ...options, currentDate: payload.exp + 1 };
  await assert.rejects(instance.verify(shown.valid, late));
  const checked = 'SD-JWT VC: disclosures, key binding, term, Token Status List, type metadata';
  report('@sd-jwt/sd-jwt-vc', checked, 1, forgeries.length + 3);
}

// Returns the presentation with its signature, a disclosure, and the key binding changed.
function forgeriesOf(compact) {
  const parts = compact.split('~');
  const changed = (at, part) => parts.map((item, index) => (index === at ? part : item)).join('~');
  const disclosure = JSON.parse(Buffer.from(parts[1], 'base64url'));
  disclosure[2] = 'forged';
  const last = parts.length - 1;
  const bound = parts[last].split('.');
  const issued = parts[0].split('.');
  return [
    changed(0, [issued[0], forged(issued[1]), issued[2]].join('.')),
    changed(1, Buffer.from(JSON.stringify(disclosure)).toString('base64url')),
    changed(last, [bound[0], bound[1], forged(bound[2])].join('.')),
    parts.filter((_, index) => index !== 1).join('~'),
  ];
}

// @digitalbazaar: the bits of the Bitstring Status List.
async function checkBits({ certificates }, got) {
  const { credentialSubject } = jose.decodeJwt(got.lists);
  const list = await decodeList({ encodedList: credentialSubject.encodedList });
  for (const name of Object.keys(certificates)) {
    const { statusListIndex } = jose.decodeJwt(got[name]).credentialStatus;
    assert.equal(list.getStatus(Number(statusListIndex)), name === 'revoked');
  }
  const checked = 'Bitstring Status List: one certificate valid, one revoked';
  report('@digitalbazaar/vc-bitstring-status-list', checked, 2, 0);
}

// jsonld: every term is defined, none is defined twice (safe mode), and there is a canonical form.
async function checkTerms({ url }, got) {
  const ours = `${url}/contexts/registry-v1.jsonld`;
  const contexts = { [W3C]: w3c, [ours]: await jsonOf(ours) };
  const documentLoader = async (asked) => {
    if (!(asked in contexts)) throw new Error(`nothing else is fetched: ${asked}`);
    return { document: contexts[asked], documentUrl: asked };
  };
  const options = {
    documentLoader, safe: true, algorithm: 'RDFC-1.0', format: 'application/n-quads',
  };
  for (const name of ['valid', 'lists']) {
    const credential = jose.decodeJwt(got[name]);
    const quads = await jsonld.canonize(credential, options);
    assert.ok(quads.trim().split('\n').length > 10);
    const { credentialSubject } = credential;
    const unknown = { ...credential, credentialSubject: { ...credentialSubject, undefinedTerm: 1 } };
    await assert.rejects(jsonld.canonize(unknown, options));
  }
  report('jsonld', 'terms of credential and list all defined (safe mode), canonical form', 2, 2);
}
