/** Pictures that come from the person: dropped, pasted or chosen. */

import { element } from "./dom.js";
import { t } from "./language.js";

const LARGEST_SIDE = 1024; // pixels; no encoder looks at more, and every search sends it again
const SMALL = 400_000; // bytes that are sent as they are

/** A term that looks for pictures like this file; rejects for an empty one. */
export async function termOf(file) {
  if (file.size === 0) throw new Error("an empty file");
  const blob = file.size > SMALL ? await reduced(file) : file;
  return { image: await base64(blob), name: file.name || t("pasted picture"), preview: URL.createObjectURL(blob), weight: 1 };
}

/** The first picture among dropped or pasted things. */
export function pictureIn(transfer) {
  return [...(transfer?.files ?? [])].find((file) => file.type.startsWith("image/") || /\.(heic|heif|avif)$/i.test(file.name));
}

/** Listen for pictures dropped on or pasted into the whole page. */
export function receivePictures(take, refuse) {
  const veil = element("div", { class: "veil", hidden: true }, element("p", {}, t("Drop a picture to search by it")));
  document.body.append(veil);
  const carriesFiles = (event) => [...(event.dataTransfer?.types ?? [])].includes("Files");
  addEventListener("dragover", (event) => {
    if (!carriesFiles(event)) return;
    event.preventDefault();
    event.dataTransfer.dropEffect = "copy";
    veil.hidden = false;
  });
  addEventListener("dragleave", (event) => {
    if (event.relatedTarget === null) veil.hidden = true;
  });
  addEventListener("drop", (event) => {
    veil.hidden = true;
    if (!carriesFiles(event)) return;
    event.preventDefault();
    const file = pictureIn(event.dataTransfer);
    if (file) take(file);
    else refuse();
  });
  addEventListener("paste", (event) => {
    const file = pictureIn(event.clipboardData);
    if (!file) return;
    event.preventDefault();
    take(file);
  });
}

/** The picture in a smaller size; as it is where the browser cannot read its format. */
async function reduced(file) {
  const bitmap = await createImageBitmap(file).catch(() => null);
  if (bitmap === null) return file;
  const scale = Math.min(1, LARGEST_SIDE / Math.max(bitmap.width, bitmap.height));
  const canvas = element("canvas", { width: Math.round(bitmap.width * scale), height: Math.round(bitmap.height * scale) });
  canvas.getContext("2d").drawImage(bitmap, 0, 0, canvas.width, canvas.height);
  bitmap.close();
  return new Promise((resolve) => canvas.toBlob((blob) => resolve(blob ?? file), "image/jpeg", 0.9));
}

function base64(blob) {
  return new Promise((resolve, reject) => {
    const reader = new FileReader();
    reader.addEventListener("load", () => resolve(reader.result.slice(reader.result.indexOf(",") + 1)));
    reader.addEventListener("error", () => reject(reader.error));
    reader.readAsDataURL(blob);
  });
}
