import { TallyError } from "../errors.ts";

/** A file of a form, as bytes of the request's own body. */
export interface FormFile {
  name: string;
  type: string;
  bytes: Uint8Array<ArrayBuffer>;
}

/** A form taken apart: nothing is copied, the files stay where they are in the body. */
export interface ReadForm {
  /** Text fields; of a name that comes twice, a list. */
  fields: Record<string, string | string[]>;
  files: FormFile[];
}

const MOST_PARTS = 128;
const LARGEST_TEXT_BYTES = 1024 * 1024;

/**
 * Reads a `multipart/form-data` body. Unlike `Request.formData` it copies no file.
 *
 * @throws {TallyError} PT400 for a body that is not what its content-type says.
 */
export function readForm(
  body: Uint8Array<ArrayBuffer>,
  contentType: string,
): ReadForm {
  const boundary = /boundary=(?:"([^"]+)"|([^;\s]+))/i.exec(contentType);
  const name = boundary?.[1] ?? boundary?.[2];
  if (name === undefined) throw notAForm();
  const delimiter = new TextEncoder().encode(`\r\n--${name}`);
  const form: ReadForm = { fields: {}, files: [] };
  // The first delimiter has no line break before it where nothing precedes the form.
  let at = startsWith(body, delimiter.subarray(2), 0) ? -2 : indexOf(body, delimiter, 0);
  for (let parts = 0; at !== -1; parts++) {
    if (parts > MOST_PARTS) throw notAForm();
    const start = at + delimiter.length;
    if (body[start] === DASH && body[start + 1] === DASH) return form;
    const end = indexOf(body, delimiter, start);
    if (end === -1) break;
    readPart(body.subarray(start + 2, end), form);
    at = end;
  }
  throw notAForm();
}

const DASH = 0x2d;
const HEADERS_END = new TextEncoder().encode("\r\n\r\n");

function readPart(
  part: Uint8Array<ArrayBuffer>,
  { fields, files }: ReadForm,
): void {
  const end = indexOf(part, HEADERS_END, 0);
  if (end === -1) throw notAForm();
  const headers = new TextDecoder().decode(part.subarray(0, end));
  const name = /^content-disposition:[^\r\n]*[;\s]name="([^"]*)"/im.exec(
    headers,
  )?.[1];
  if (name === undefined) throw notAForm();
  const bytes = part.subarray(end + HEADERS_END.length);
  if (/^content-disposition:[^\r\n]*[;\s]filename\*?=/im.test(headers)) {
    const type = /^content-type:\s*([^\r\n;]+)/im.exec(headers)?.[1]?.trim() ??
      "";
    files.push({ name, type, bytes });
    return;
  }
  if (bytes.length > LARGEST_TEXT_BYTES) throw notAForm();
  const text = new TextDecoder().decode(bytes);
  const before = Object.hasOwn(fields, name) ? fields[name] : undefined;
  const value = before === undefined ? text : [before, text].flat();
  Object.defineProperty(fields, name, {
    value,
    enumerable: true,
    writable: true,
    configurable: true,
  });
}

function indexOf(bytes: Uint8Array, wanted: Uint8Array, from: number): number {
  const first = wanted[0] as number;
  for (
    let at = bytes.indexOf(first, from);
    at !== -1;
    at = bytes.indexOf(first, at + 1)
  ) {
    if (startsWith(bytes, wanted, at)) return at;
  }
  return -1;
}

function startsWith(
  bytes: Uint8Array,
  wanted: Uint8Array,
  at: number,
): boolean {
  if (at + wanted.length > bytes.length) return false;
  return wanted.every((byte, index) => bytes[at + index] === byte);
}

function notAForm(): TallyError {
  return new TallyError(
    "PT400",
    "The request body is not a valid multipart form.",
    {
      hint: "Send multipart/form-data as the provider's SDK does.",
      details: "content-type",
    },
  );
}
