// The page of the API: Swagger UI shows the document, and sends the requests that a user tries as whoever is signed in on this page.

import { accessToken, load, signedInAs, SignInNeeded, signIn, signOut, withRenewal } from "./live-session.js";

const DOCUMENT = "/api/openapi.json";
const ME = "/api/auth/users/me/";

const find = (id) => document.getElementById(id);

// The requests of Swagger UI

/** Adds the token to a request that a user tries. The token goes to this server only, and never replaces one that the user
    gave to Swagger UI's own dialog "Authorize". */
function sendAsUser(request) {
  const isOurs = new URL(request.url, location.href).origin === location.origin;
  const hasToken = Object.keys(request.headers).some((name) => name.toLowerCase() === "authorization");
  if (request.loadSpec || !isOurs || hasToken || !accessToken()) return request;
  // Swagger UI shows this header in its curl command. The request itself is sent by fetchAsUser.
  request.headers.Authorization = `Bearer ${accessToken()}`;
  request.userFetch = fetchAsUser;
  return request;
}

function fetchAsUser(url, request) {
  return withRenewal(() => {
    const { Authorization: _, ...headers } = request.headers;
    // If the session has ended, there is no token, and the user sees the server's answer to that.
    if (accessToken()) headers.Authorization = `Bearer ${accessToken()}`;
    return fetch(url, { ...request, headers });
  });
}

// Signing in

const form = find("sign-in");

/** Shows who is signed in, or the form. */
async function showUser() {
  const email = signedInAs();
  form.hidden = Boolean(email);
  find("signed-in").hidden = !email;
  find("user").textContent = email;
  if (!email) return;
  try {
    const { name, role } = (await load(ME)).body.data;
    // Meanwhile another user may have signed in.
    if (signedInAs() === email) find("user").textContent = `${name || email} (${role})`;
  } catch (error) {
    // The tokens are of no use any more. Every other failure leaves the e-mail address.
    if (error instanceof SignInNeeded) await signOut();
  }
}

form.addEventListener("submit", async (event) => {
  event.preventDefault();
  const button = form.querySelector("button");
  find("sign-in-problem").textContent = "";
  button.disabled = true;
  try {
    await signIn(form.email.value.trim(), form.password.value);
    find("sign-out").focus();
  } catch (error) {
    find("sign-in-problem").textContent = error.message;
  }
  // The screen may be in a public place, so the password is not left in the field.
  form.password.value = "";
  button.disabled = false;
});

find("sign-out").addEventListener("click", () => {
  signOut();
  form.email.focus();
});

document.addEventListener("session", showUser);
showUser();

// Swagger UI. Its style is dark where the root element has this class.

const dark = matchMedia("(prefers-color-scheme: dark)");
const followScheme = () => document.documentElement.classList.toggle("dark-mode", dark.matches);
dark.addEventListener("change", followScheme);
followScheme();

const { SwaggerUIBundle } = window;

SwaggerUIBundle({
  url: DOCUMENT,
  domNode: find("swagger-ui"),
  presets: [SwaggerUIBundle.presets.apis],
  layout: "BaseLayout",
  // Otherwise Swagger UI would send the document's address to a validator on another host.
  validatorUrl: null,
  docExpansion: "list",
  // The schemas at the foot are closed: the operations show those that they use.
  defaultModelsExpandDepth: 0,
  deepLinking: true,
  filter: true,
  tryItOutEnabled: true,
  displayRequestDuration: true,
  persistAuthorization: false,
  requestInterceptor: sendAsUser,
});
