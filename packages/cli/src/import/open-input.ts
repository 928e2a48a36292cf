import { createReadStream } from "node:fs";
import { stat } from "node:fs/promises";
import { pipeline } from "node:stream";
import { createGunzip } from "node:zlib";
import { CliError, messageOf } from "../cli-error.ts";

export const INPUT_FORMATS = ["csv", "ndjson"] as const;
export type InputFormat = (typeof INPUT_FORMATS)[number];

/** A file or standard input, open for reading. */
export interface Input {
  /** Its text, piece by piece. */
  text: AsyncIterable<string>;
  /** The part that has been read, from 0 to 1; null where nobody knows how much there is. */
  progress(): number | null;
}

const BY_EXTENSION: Readonly<Record<string, InputFormat>> = {
  csv: "csv",
  ndjson: "ndjson",
  jsonl: "ndjson",
};

/** @throws CliError when neither the option nor the name of the file says what is in it */
export function chooseFormat(file: string, option: string | undefined): InputFormat {
  const extension = file.replace(/\.gz$/i, "").split(".").at(-1)?.toLowerCase() ?? "";
  const named = option ?? BY_EXTENSION[extension];
  const format = INPUT_FORMATS.find((name) => name === named);
  if (format) return format;
  throw new CliError(
    option === undefined
      ? `${file === "-" ? "Standard input" : file} does not say what format it has.`
      : `There is no input format ${option}.`,
    `Say it: --format ${INPUT_FORMATS.join(" or --format ")}`,
  );
}

/**
 * Opens a file, or standard input for `-`; a name that ends in `.gz` is unpacked on the way.
 *
 * @throws CliError when the file cannot be read; while reading, when it is no gzip or no UTF-8
 */
export async function openInput(file: string): Promise<Input> {
  const totalBytes = file === "-" ? null : await readSize(file);
  if (file === "-") {
    return { text: decode(process.stdin, "Standard input"), progress: () => null };
  }
  const source = createReadStream(file);
  const stream = /\.gz$/i.test(file) ? pipeline(source, createGunzip(), () => {}) : source;
  return {
    text: decode(stream, file),
    progress: () => (totalBytes === null ? null : source.bytesRead / Math.max(1, totalBytes)),
  };
}

async function readSize(file: string): Promise<number | null> {
  let found: Awaited<ReturnType<typeof stat>>;
  try {
    found = await stat(file);
  } catch (error) {
    const isMissing = (error as NodeJS.ErrnoException).code === "ENOENT";
    throw new CliError(
      isMissing ? `There is no file ${file}.` : `${file} cannot be read: ${messageOf(error)}`,
      isMissing ? "Give the path of a CSV or NDJSON file, or - for standard input." : undefined,
      { cause: error },
    );
  }
  if (found.isDirectory()) {
    throw new CliError(`${file} is a directory.`, "Import its files one by one.");
  }
  return found.isFile() ? found.size : null;
}

async function* decode(stream: AsyncIterable<Buffer>, file: string): AsyncGenerator<string> {
  const decoder = new TextDecoder("utf-8", { fatal: true });
  try {
    for await (const chunk of stream) yield decoder.decode(chunk, { stream: true });
    yield decoder.decode();
  } catch (error) {
    throw explain(error, file);
  }
}

function explain(error: unknown, file: string): unknown {
  const code = (error as NodeJS.ErrnoException).code ?? "";
  if (code === "ERR_ENCODING_INVALID_ENCODED_DATA") {
    return new CliError(
      `${file} is not UTF-8.`,
      "Convert it first, for example: iconv -f windows-1252 -t utf-8",
      { cause: error },
    );
  }
  if (code.startsWith("Z_")) {
    return new CliError(
      `${file} is not whole gzip: ${messageOf(error)}.`,
      "Fetch it again; a file that is not compressed must not be named .gz.",
      { cause: error },
    );
  }
  if (/^E[A-Z]+$/.test(code)) {
    return new CliError(`${file} cannot be read: ${messageOf(error)}`, undefined, { cause: error });
  }
  return error;
}
