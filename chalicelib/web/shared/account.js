// @ts-check
/** The button with which people sign in and out. It is there only where the cinema asks who they are. */

import { byId } from "./dom.js";
import * as signIn from "./sign_in.js";

/** @param {(name: any) => any} say gives the page's words of that name */
export function renderAccount(say) {
  const account = byId("account");
  account.hidden = !signIn.isOn;
  account.textContent = say(signIn.isSignedIn() ? "signOut" : "signIn");
}

/** Makes the button work. */
export function wireAccount() {
  byId("account").addEventListener("click", () => (signIn.isSignedIn() ? signIn.end() : signIn.begin()));
}
