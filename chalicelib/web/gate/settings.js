// @ts-check
/** The settings of this device: the gate's name and its rooms. They are stored until somebody changes them. */

import { keep, readAll } from "../shared/storage.js";

/** @typedef {import("./scan.js").Gate} Gate */

/** @returns {Gate | undefined} */
export function gate() {
  const { name, rooms } = Object(readAll().gate);
  const isOurs =
    typeof name === "string" && name && Array.isArray(rooms) && rooms.every((room) => typeof room === "string");
  return isOurs && rooms.length ? { name, rooms } : undefined;
}

/** @param {Gate} chosen */
export const choose = (chosen) => keep({ gate: chosen });
