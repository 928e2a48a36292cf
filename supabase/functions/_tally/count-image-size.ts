/** Pixels. */
export interface ImageSize {
  width: number;
  height: number;
}

/** The headers of PNG, GIF and WebP end in 30 bytes; a JPEG's size follows its metadata and preview. */
const HEADER_BYTES = 256 * 1024;

/**
 * Reads the size of a base64-encoded PNG, JPEG, GIF or WebP image from its header.
 *
 * Null when it is something else, or cut off before the size.
 */
export function readImageSize(base64: string): ImageSize | null {
  const bytes = decodeStart(base64, HEADER_BYTES);
  if (bytes === null) return null;
  const view = new DataView(bytes.buffer);
  try {
    return readPng(view) ?? readGif(view) ?? readWebp(view) ?? readJpeg(view);
  } catch (error) {
    // Past the end: the header is cut off.
    if (error instanceof RangeError) return null;
    throw error;
  }
}

function decodeStart(base64: string, limit: number): Uint8Array<ArrayBuffer> | null {
  const start = base64.slice(0, Math.ceil(limit / 3) * 4).replace(/[\s=]/g, "")
    .replaceAll("-", "+").replaceAll("_", "/");
  try {
    // A single character left over, where the data was cut, is less than a byte.
    const binary = atob(start.length % 4 === 1 ? start.slice(0, -1) : start);
    return Uint8Array.from(binary, (character) => character.charCodeAt(0));
  } catch {
    return null;
  }
}

function readPng(view: DataView): ImageSize | null {
  if (view.getUint32(0) !== 0x89504e47) return null;
  return sized(view.getUint32(16), view.getUint32(20));
}

function readGif(view: DataView): ImageSize | null {
  if (view.getUint32(0) !== 0x47494638) return null;
  return sized(view.getUint16(6, true), view.getUint16(8, true));
}

function readWebp(view: DataView): ImageSize | null {
  if (view.getUint32(0) !== 0x52494646 || view.getUint32(8) !== 0x57454250) {
    return null;
  }
  switch (view.getUint32(12)) {
    case 0x56503858: // VP8X: 24 bits each, less one
      return sized(uint24(view, 24) + 1, uint24(view, 27) + 1);
    case 0x5650384c: { // VP8L: 14 bits each, less one
      const bits = view.getUint32(21, true);
      return sized((bits & 0x3fff) + 1, ((bits >>> 14) & 0x3fff) + 1);
    }
    case 0x56503820: // VP8: 14 bits each
      return sized(view.getUint16(26, true) & 0x3fff, view.getUint16(28, true) & 0x3fff);
    default:
      return null;
  }
}

function readJpeg(view: DataView): ImageSize | null {
  if (view.getUint16(0) !== 0xffd8) return null;
  let at = 2;
  for (;;) {
    const marker = view.getUint16(at);
    // SOF0 to SOF15, without the tables that share their numbers: DHT, JPG and DAC.
    if (
      marker >= 0xffc0 && marker <= 0xffcf &&
      ![0xffc4, 0xffc8, 0xffcc].includes(marker)
    ) {
      return sized(view.getUint16(at + 7), view.getUint16(at + 5));
    }
    if (marker >> 8 !== 0xff) return null;
    // Any number of 0xff bytes may fill up before a marker.
    at += marker === 0xffff ? 1 : 2 + view.getUint16(at + 2);
  }
}

function uint24(view: DataView, at: number): number {
  return view.getUint8(at) | (view.getUint8(at + 1) << 8) |
    (view.getUint8(at + 2) << 16);
}

function sized(width: number, height: number): ImageSize | null {
  return width > 0 && height > 0 ? { width, height } : null;
}
