// The page of the API: Swagger UI shows the document, and sends the requests that a user tries as the user who is signed in.

import { accessToken, user, withRenewal } from "./live-session.js";
import { SignIn } from "./live-sign-in.js";

const DOCUMENT = "/api/openapi.json";

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

new SignIn({ needed: "", asked: "To try requests.", signIn: "Sign in", signOut: "Sign out", as: () => `Signed in as ${user().name || user().email} (${user().role})` });

// Swagger UI. Its style is dark where the root element has this class.

const dark = matchMedia("(prefers-color-scheme: dark)");
const followScheme = () => document.documentElement.classList.toggle("dark-mode", dark.matches);
dark.addEventListener("change", followScheme);
followScheme();

const { SwaggerUIBundle } = window;

SwaggerUIBundle({
  url: DOCUMENT,
  domNode: document.getElementById("swagger-ui"),
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
