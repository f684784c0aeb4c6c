// @ts-check
/**
 * Reads QR codes from the camera's picture: with the browser's BarcodeDetector if it has one, else with the library `qr`
 * (../qr).
 */

import { loadDecoder } from "./libraries.js";

const EVERY_MS = 150;
const AGAIN_MS = 4_000; // a ticket that stays in front of the camera counts as one scan

/** @type {MediaStream | undefined} */
let stream;

/** Tells whether pages may use a camera in this browser. */
export const isThere = () => Boolean(navigator.mediaDevices?.getUserMedia);

/**
 * Shows the camera's picture in `video`, and calls back with the text of each QR code in it. Throws a DOMException if there is
 * no camera, or its use was not allowed.
 * @param {HTMLVideoElement} video
 * @param {(text: string) => Promise<void>} seen
 */
export async function start(video, seen) {
  stop();
  const detector = await makeDetector();
  const mine = await navigator.mediaDevices.getUserMedia({
    video: { facingMode: "environment", width: { ideal: 1280 } },
    audio: false,
  });
  stream = mine;
  video.srcObject = mine;
  await video.play();
  follow(video, detector, seen, mine);
}

export function stop() {
  for (const track of stream?.getTracks() ?? []) track.stop();
  stream = undefined;
}

/**
 * @param {HTMLVideoElement} video
 * @param {{ detect: (video: HTMLVideoElement) => Promise<{ rawValue: string }[]> }} detector
 * @param {(text: string) => Promise<void>} seen
 * @param {MediaStream} mine
 */
async function follow(video, detector, seen, mine) {
  let [last, lastAt] = ["", 0];
  while (stream === mine) {
    const [found] = video.readyState < 2 || document.hidden ? [] : await detector.detect(video).catch(() => []);
    if (found && stream === mine && (found.rawValue !== last || Date.now() - lastAt > AGAIN_MS)) {
      await seen(found.rawValue);
      last = found.rawValue;
    }
    if (found) lastAt = Date.now();
    await new Promise((done) => setTimeout(done, EVERY_MS));
  }
}

async function makeDetector() {
  const own = /** @type {any} */ (globalThis).BarcodeDetector;
  const formats = await own?.getSupportedFormats().catch(() => []);
  if (formats?.includes("qr_code")) return new own({ formats: ["qr_code"] });
  const { BarcodeDetector } = await loadDecoder();
  return new BarcodeDetector({ formats: ["qr_code"] });
}
