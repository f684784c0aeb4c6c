// @ts-check
/** How every page chooses its words, and writes money. */

import { language } from "./language.js";

const CURRENCY = "BRL"; // prices are numbers in the contract; this is the money they are meant in

/**
 * Makes the function that gives a page's words by their name; where they depend on facts, with them.
 * @template {object} Words
 * @param {{ en: Words, "pt-BR": object }} words the English ones name them all; a test compares the others' names
 */
export function speaker(words) {
  /**
   * @template {keyof Words} Name
   * @param {Name} name
   * @param {Words[Name] extends (...facts: infer Facts) => unknown ? Facts : []} facts
   * @returns {Words[Name] extends (...facts: any[]) => infer Text ? Text : Words[Name]}
   */
  function say(name, ...facts) {
    /** @type {any} */
    const found = /** @type {any} */ (words[language()])[name];
    return typeof found === "function" ? found(...facts) : found;
  }
  return say;
}

/**
 * Writes an amount of money, which is a number of whole units.
 * @param {number} amount
 */
export const money = (amount) =>
  new Intl.NumberFormat(language(), { style: "currency", currency: CURRENCY }).format(amount);
