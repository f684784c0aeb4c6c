"use strict";

// Everything is relative to this page, so that it works behind a stage's path, too.
const here = (path) => new URL(path, document.baseURI).href;

const dark = window.matchMedia("(prefers-color-scheme: dark)");
const follow = () => document.documentElement.classList.toggle("dark-mode", dark.matches);
dark.addEventListener("change", follow);
follow();

SwaggerUIBundle({
  url: here("openapi.json"),
  domNode: document.getElementById("docs"),
  deepLinking: true,
  displayRequestDuration: true,
  defaultModelsExpandDepth: 0,
  tryItOutEnabled: true,
  validatorUrl: null, // or it would ask a server of the viewer's makers
});
