// Passkeys: asks the browser's authenticator and puts its answer into the form, which is then sent
// like any other. What is to be signed comes from the server; nothing of it is made here.
"use strict";

const toBytes = (text) =>
  Uint8Array.from(atob(text.replace(/-/g, "+").replace(/_/g, "/")), (c) => c.charCodeAt(0));
const toText = (buffer) =>
  btoa(String.fromCharCode(...new Uint8Array(buffer)))
    .replace(/\+/g, "-").replace(/\//g, "_").replace(/=+$/, "");

async function assertion(options) {
  const publicKey = {
    challenge: toBytes(options.challenge),
    rpId: options.rpId,
    timeout: options.timeout,
    userVerification: "required",
    allowCredentials: (options.allow ?? []).map((id) => ({ type: "public-key", id: toBytes(id) })),
  };
  const found = await navigator.credentials.get({ publicKey });
  return {
    credentialId: toText(found.rawId),
    authenticatorData: toText(found.response.authenticatorData),
    clientData: toText(found.response.clientDataJSON),
    signature: toText(found.response.signature),
  };
}

async function registration(options) {
  const publicKey = {
    ...options,
    challenge: toBytes(options.challenge),
    user: { ...options.user, id: toBytes(options.user.id) },
    excludeCredentials: [],
  };
  const made = await navigator.credentials.create({ publicKey });
  return {
    id: made.id,
    rawId: toText(made.rawId),
    type: made.type,
    response: {
      clientDataJSON: toText(made.response.clientDataJSON),
      attestationObject: toText(made.response.attestationObject),
    },
    clientExtensionResults: {},
  };
}

addEventListener("DOMContentLoaded", () => {
  for (const form of document.querySelectorAll("form[data-passkey]")) {
    const button = form.querySelector("[data-passkey-button]");
    const problem = form.querySelector("[data-passkey-problem]");
    const say = (words) => {
      problem.textContent = words;
      problem.hidden = !words;
      button.disabled = false;
    };
    if (!window.PublicKeyCredential) {
      say(problem.dataset.unsupported);
      continue;
    }
    button.hidden = false;
    button.addEventListener("click", async () => {
      if (!form.reportValidity()) return;
      say("");
      button.disabled = true;
      const options = JSON.parse(form.dataset.options);
      const label = form.querySelector("[data-passkey-name]");
      if (label && options.user) options.user.name = options.user.displayName = label.value;
      try {
        const answer = form.dataset.passkey === "get" ? assertion(options) : registration(options);
        form.elements.response.value = JSON.stringify(await answer);
      } catch (error) {
        say(error.name === "InvalidStateError" ? problem.dataset.known : problem.dataset.cancelled);
        return;
      }
      form.submit();
    });
  }

  // An invitation's secret stands behind the # of its link, which no server ever sees.
  const opener = document.querySelector("form[data-from-fragment]");
  if (opener) {
    const token = location.hash.slice(1);
    history.replaceState(null, "", location.pathname);
    opener.elements.token.value = token;
    opener.querySelector("button").hidden = !token;
    document.querySelector("[data-without-token]").hidden = Boolean(token);
  }
});
