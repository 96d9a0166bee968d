// Passkeys (WebAuthn Level 3): asks this site for the options, runs the ceremony, posts a plain form.
const RESPONSE = ["clientDataJSON", "authenticatorData", "signature", "userHandle", "attestationObject"];

const decode = (text) =>
  Uint8Array.from(atob(text.replaceAll("-", "+").replaceAll("_", "/")), (character) => character.charCodeAt(0));

const encode = (buffer) =>
  btoa(String.fromCharCode(...new Uint8Array(buffer)))
    .replaceAll("+", "-").replaceAll("/", "_").replaceAll("=", "");

// The options are JSON with base64url where WebAuthn wants octets (sections 5.1.8 and 5.1.9).
const withId = (item) => ({ ...item, id: decode(item.id) });

function toOptions(json) {
  const options = { ...json, challenge: decode(json.challenge) };
  if (json.user) options.user = withId(json.user);
  for (const list of ["allowCredentials", "excludeCredentials"]) {
    if (json[list]) options[list] = json[list].map(withId);
  }
  return options;
}

// Written out rather than toJSON(), which older browsers lack and some password managers break.
function toJson(credential) {
  const response = {};
  for (const name of RESPONSE) {
    if (credential.response[name]) response[name] = encode(credential.response[name]);
  }
  if (credential.response.getTransports) response.transports = credential.response.getTransports();
  return JSON.stringify({
    id: credential.id,
    rawId: encode(credential.rawId),
    type: credential.type,
    authenticatorAttachment: credential.authenticatorAttachment ?? undefined,
    clientExtensionResults: credential.getClientExtensionResults(),
    response,
  });
}

async function run(form) {
  const answer = await fetch(form.dataset.options, {
    method: "POST",
    body: new URLSearchParams({ csrf: form.elements.csrf.value }),
    headers: { accept: "application/json" },
    redirect: "error",
  });
  if (!answer.ok) throw new Error(`options: ${answer.status}`);
  const publicKey = toOptions(await answer.json());
  form.elements.credential.value = toJson(await navigator.credentials[form.dataset.passkey]({ publicKey }));
  form.submit();
}

for (const form of window.PublicKeyCredential ? document.querySelectorAll("form[data-passkey]") : []) {
  const status = form.querySelector("[role=status]");
  const button = form.querySelector("button");
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    button.disabled = true;
    status.textContent = "Follow the steps that your browser shows.";
    run(form).catch((error) => {
      console.warn(error);
      button.disabled = false;
      status.textContent = error.name === "InvalidStateError"
        ? "This device already has a passkey for you."
        : "No passkey was used. Try again, or go on without one.";
    });
  });
  form.hidden = false;
}
