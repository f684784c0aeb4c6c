// @ts-check
/**
 * Signing in, with a provider that has Amazon Cognito's addresses. The page is a public client: it has no secret, and
 * proves by a verifier that a code is its own (PKCE).
 *
 *   begin ──page of the provider──► back with a code ──finish──► tokens, in this page's memory only
 *
 * A reload forgets the tokens. What the buyer was about to do is in the store: the page goes on with it after the way to
 * the provider and back.
 */

const PENDING = "cinema-sign-in";
const LAST = "cinema-signed-in-at";
const EARLY_MS = 30_000;
const TOO_SOON_MS = 20_000;

const { signInUrl = "", clientId = "" } = document.documentElement.dataset;

/** @typedef {{ access: string, refresh: string, expiresAt: number }} Tokens */

/** @type {Tokens | undefined} */
let tokens;
/** @type {Promise<boolean> | undefined} */
let renewing;

/** Whether this cinema asks who its visitors are. */
export const isOn = Boolean(signInUrl);

export const isSignedIn = () => Boolean(tokens);

/** Gives the page's own address, to which the provider leads back. */
const here = () => location.origin + location.pathname;

/** Gives the header that says who asks; undefined for nobody. A token that is about to end is renewed first. */
export async function authorization() {
  if (tokens && Date.now() > tokens.expiresAt - EARLY_MS) await renew();
  return tokens && `Bearer ${tokens.access}`;
}

/**
 * Goes to the provider; the promise is never kept, because the page is left. False where somebody has just come back from
 * there, and is refused all the same: going again would never end.
 * @returns {Promise<boolean>}
 */
export async function begin() {
  if (Date.now() - Number(sessionStorage.getItem(LAST) ?? 0) < TOO_SOON_MS) return false;
  const [verifier, state] = [random(), random()];
  sessionStorage.setItem(PENDING, JSON.stringify({ verifier, state, back: location.hash }));
  const wanted = new URLSearchParams({
    response_type: "code",
    client_id: clientId,
    redirect_uri: here(),
    scope: "openid email",
    state,
    code_challenge_method: "S256",
    code_challenge: base64url(await crypto.subtle.digest("SHA-256", new TextEncoder().encode(verifier))),
  });
  location.assign(`${signInUrl}/oauth2/authorize?${wanted}`);
  return new Promise(() => {});
}

/** Takes the code with which the provider has led back, if it did, and opens what was open before. */
export async function finish() {
  const query = new URLSearchParams(location.search);
  const code = query.get("code");
  if (!isOn || !query.has("state")) return;
  const { verifier, state, back } = taken();
  history.replaceState(null, "", here() + (typeof back === "string" ? back : location.hash));
  if (!code || !verifier || query.get("state") !== state) return;
  sessionStorage.setItem(LAST, String(Date.now()));
  await ask({ grant_type: "authorization_code", code, code_verifier: verifier, redirect_uri: here() });
}

/** Signs out: here, and at the provider. */
export function end() {
  const refresh = tokens?.refresh;
  tokens = undefined;
  sessionStorage.removeItem(LAST);
  const said = new URLSearchParams({ token: refresh ?? "", client_id: clientId });
  fetch(`${signInUrl}/oauth2/revoke`, { method: "POST", body: said, keepalive: true }).catch(() => {});
  location.assign(`${signInUrl}/logout?${new URLSearchParams({ client_id: clientId, logout_uri: here() })}`);
}

/**
 * Renews the tokens, once for all who ask at the same time; true when there are newer ones than that header's.
 * @param {string} [refused] the header that was refused
 */
export async function renew(refused) {
  if (!tokens) return false;
  if (refused && refused !== `Bearer ${tokens.access}`) return true;
  renewing ??= ask({ grant_type: "refresh_token", refresh_token: tokens.refresh }).finally(
    () => (renewing = undefined),
  );
  return renewing;
}

/**
 * Asks the provider for tokens. Each answer brings the next refresh token; a provider that does not rotate them leaves it out.
 * Where the provider says no, nobody is signed in any more; where it says nothing, all stays as it is.
 * @param {Record<string, string>} fields
 */
async function ask(fields) {
  try {
    const body = new URLSearchParams({ ...fields, client_id: clientId });
    const response = await fetch(`${signInUrl}/oauth2/token`, { method: "POST", body, credentials: "omit" });
    if (!response.ok) tokens = undefined;
    if (!response.ok) return false;
    const {
      access_token: access,
      refresh_token: refresh = tokens?.refresh ?? "",
      expires_in: seconds,
    } = await response.json();
    tokens = { access, refresh, expiresAt: Date.now() + 1000 * seconds };
    return true;
  } catch {
    return false;
  }
}

/** @returns {Record<string, unknown> & { verifier?: string, state?: string }} */
function taken() {
  const kept = sessionStorage.getItem(PENDING);
  sessionStorage.removeItem(PENDING);
  try {
    return Object(JSON.parse(kept ?? "null"));
  } catch {
    return {};
  }
}

const random = () => base64url(crypto.getRandomValues(new Uint8Array(32)));

/** @param {ArrayBuffer | Uint8Array} bytes */
function base64url(bytes) {
  const text = String.fromCharCode(...new Uint8Array(bytes));
  return btoa(text).replaceAll("+", "-").replaceAll("/", "_").replaceAll("=", "");
}
