import type { FormFile } from "./read-form.ts";

/** How long a recording is, in seconds. */
export interface AudioLength {
  likely: number;
  /** Not longer than this, at any bit rate that speech is recorded with. */
  upper: number;
}

/** Bytes per second of usual compressed audio (128 kbit/s), and of the most compressed speech. */
const USUAL_RATE = 16_000;
const LEAST_RATE = 1_000;

/** Measures a recording: exactly where it is a WAV file, by its size otherwise. */
export function measureAudio({ bytes }: Pick<FormFile, "bytes">): AudioLength {
  const rate = wavByteRate(bytes);
  if (rate !== null) {
    const seconds = Math.max(0, bytes.length - 44) / rate;
    return { likely: seconds, upper: bytes.length / rate };
  }
  return {
    likely: bytes.length / USUAL_RATE,
    upper: bytes.length / LEAST_RATE,
  };
}

function wavByteRate(bytes: Uint8Array): number | null {
  const name = new TextDecoder("latin1").decode(bytes.subarray(0, 12));
  if (bytes.length < 44 || !name.startsWith("RIFF") || !name.endsWith("WAVE")) {
    return null;
  }
  const rate = new DataView(bytes.buffer, bytes.byteOffset).getUint32(28, true);
  return rate > 0 ? rate : null;
}
