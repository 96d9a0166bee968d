// Login and consent pages: plain forms, no script, no style from elsewhere. A form client and a browser drive them
// by the ids that Trustweft's own pages have:
//   login page    inputs #username (name=username), #password (name=password), button #login
//   consent page  buttons #approve (name=decision, value=approve) and #deny (value=deny)
//   any error     element #error
// Each form posts urlencoded to the address that it was read from, and every answer is a 303.

const HTML = { '&': '&amp;', '<': '&lt;', '>': '&gt;', '"': '&quot;', "'": '&#39;' };
const escape = (text) => String(text).replace(/[&<>"']/g, (character) => HTML[character]);
const page = (title, body) => `<!DOCTYPE html>
<html lang="en"><head><meta charset="utf-8"><title>${title}</title>
<meta name="viewport" content="width=device-width, initial-scale=1"></head>
<body><main><h1>${title}</h1>${body}</main></body></html>`;

const loginPage = (message) => page('Sign in', `${message ? `<p id="error">${escape(message)}</p>` : ''}
<form method="post">
<p><label for="username">User name</label> <input id="username" name="username" autocomplete="username" required></p>
<p><label for="password">Password</label>
<input id="password" name="password" type="password" autocomplete="current-password" required></p>
<p><button id="login" type="submit">Sign in</button></p>
</form>`);

const consentPage = (client, scope) => page('Consent', `
<p>${escape(client)} asks for: ${escape(scope)}</p>
<form method="post">
<p><button id="approve" name="decision" value="approve">Approve</button>
<button id="deny" name="decision" value="deny">Deny</button></p>
</form>`);

export function errorPage(context, out) {
  context.type = 'html';
  context.body = page('Error', `<p id="error">${escape(out.error)}: ${escape(out.error_description)}</p>`);
}

async function readForm(request) {
  let text = '';
  for await (const chunk of request) text += chunk;
  return new URLSearchParams(text);
}

async function saveGrant(provider, { prompt, params, session }) {
  const grant = new provider.Grant({ accountId: session.accountId, clientId: params.client_id });
  const { missingOIDCScope = [], missingOIDCClaims = [], missingResourceScopes = {} } = prompt.details;
  grant.addOIDCScope(missingOIDCScope);
  grant.addOIDCClaims(missingOIDCClaims);
  for (const [resource, scopes] of Object.entries(missingResourceScopes)) grant.addResourceScope(resource, scopes);
  return grant.save();
}

function consent(provider, interaction, form) {
  if (form.get('decision') !== 'approve') return { error: 'access_denied', error_description: 'denied' };
  return saveGrant(provider, interaction).then((grantId) => ({ consent: { grantId } }));
}

function login(accounts, form) {
  const account = accounts.find(({ username, password }) => username === form.get('username')
    && password === form.get('password'));
  return account && { login: { accountId: account.sub } };
}

/** Serves `/interaction/:uid`; everything else goes on to the provider. */
export function interactions(provider, accounts) {
  return async (context, next) => {
    if (!context.path.startsWith('/interaction/')) return next();
    const interaction = await provider.interactionDetails(context.req, context.res);
    const isLogin = interaction.prompt.name === 'login';
    context.type = 'html';
    if (context.method !== 'POST') {
      context.body = isLogin ? loginPage() : consentPage(interaction.params.client_id, interaction.params.scope);
      return undefined;
    }
    const form = await readForm(context.req);
    const result = isLogin ? login(accounts, form) : await consent(provider, interaction, form);
    if (result === undefined) {
      context.body = loginPage('user name or password is wrong');
      return undefined;
    }
    context.status = 303;
    context.redirect(await provider.interactionResult(context.req, context.res, result));
    return undefined;
  };
}
