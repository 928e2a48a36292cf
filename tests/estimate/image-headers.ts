/** Base64 of the smallest files that state a size: headers without a picture. */
export interface ImageHeader {
  name: string;
  make: (width: number, height: number) => string;
}

export const IMAGE_HEADERS: ImageHeader[] = [
  { name: "PNG", make: (width, height) => base64(png(width, height)) },
  { name: "GIF", make: (width, height) => base64(gif(width, height)) },
  { name: "lossy WebP", make: (width, height) => base64(webp("VP8 ", lossy(width, height))) },
  { name: "lossless WebP", make: (width, height) => base64(webp("VP8L", lossless(width, height))) },
  { name: "extended WebP", make: (width, height) => base64(webp("VP8X", extended(width, height))) },
  { name: "JPEG", make: (width, height) => base64(jpeg(width, height)) },
];

function base64(bytes: Buffer): string {
  return bytes.toString("base64");
}

function png(width: number, height: number): Buffer {
  const header = Buffer.alloc(33);
  header.write("\x89PNG\r\n\x1a\n", "latin1");
  header.writeUInt32BE(13, 8);
  header.write("IHDR", 12, "latin1");
  header.writeUInt32BE(width, 16);
  header.writeUInt32BE(height, 20);
  return header;
}

function gif(width: number, height: number): Buffer {
  const header = Buffer.alloc(16);
  header.write("GIF89a", "latin1");
  header.writeUInt16LE(width, 6);
  header.writeUInt16LE(height, 8);
  return header;
}

function webp(format: string, chunk: Buffer): Buffer {
  const header = Buffer.alloc(20);
  header.write("RIFF", "latin1");
  header.writeUInt32LE(chunk.length + 12, 4);
  header.write(`WEBP${format}`, 8, "latin1");
  header.writeUInt32LE(chunk.length, 16);
  return Buffer.concat([header, chunk]);
}

function lossy(width: number, height: number): Buffer {
  const chunk = Buffer.alloc(16);
  chunk.write("\x9d\x01\x2a", 3, "latin1");
  chunk.writeUInt16LE(width, 6);
  chunk.writeUInt16LE(height, 8);
  return chunk;
}

function lossless(width: number, height: number): Buffer {
  const chunk = Buffer.alloc(16);
  chunk[0] = 0x2f;
  chunk.writeUInt32LE(((width - 1) | ((height - 1) << 14)) >>> 0, 1);
  return chunk;
}

function extended(width: number, height: number): Buffer {
  const chunk = Buffer.alloc(16);
  chunk.writeUIntLE(width - 1, 4, 3);
  chunk.writeUIntLE(height - 1, 7, 3);
  return chunk;
}

/** With a segment of metadata and fill bytes before the frame, as cameras write them. */
function jpeg(width: number, height: number): Buffer {
  const start = Buffer.from([0xff, 0xd8, 0xff, 0xe1, 0x10, 0x02]);
  const frame = Buffer.from([0xff, 0xff, 0xff, 0xc2, 0, 17, 8, 0, 0, 0, 0, 3, 0, 0]);
  frame.writeUInt16BE(height, 7);
  frame.writeUInt16BE(width, 9);
  return Buffer.concat([start, Buffer.alloc(0x1000), frame]);
}
