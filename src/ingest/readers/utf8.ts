/** Decodes strictly: undefined where the bytes are not UTF-8. A byte-order mark is dropped at the start of a file. */
export function decodeUtf8(bytes: Uint8Array, startOfFile: boolean): string | undefined {
  try {
    return (startOfFile ? droppingMark : keepingMark).decode(bytes);
  } catch {
    return undefined;
  }
}

const droppingMark = new TextDecoder("utf-8", { fatal: true });
const keepingMark = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });

/** `not valid UTF-8: byte 0xe9 at 17`, for bytes that are not. */
export function utf8Problem(bytes: Uint8Array): string {
  // The longest beginning that could still become UTF-8, by halving.
  let [good, bad] = [0, bytes.length];
  while (bad - good > 1) {
    const middle = (good + bad) >> 1;
    if (couldBeUtf8(bytes.subarray(0, middle))) good = middle;
    else bad = middle;
  }
  // Where the character begins that became none.
  while (good > 0 && decodeUtf8(bytes.subarray(0, good), true) === undefined) good--;
  const byte = bytes[good] ?? 0;
  return `not valid UTF-8: byte 0x${byte.toString(16).padStart(2, "0")} at ${good}`;
}

function couldBeUtf8(bytes: Uint8Array): boolean {
  try {
    new TextDecoder("utf-8", { fatal: true }).decode(bytes, { stream: true });
    return true;
  } catch {
    return false;
  }
}

/**
 * Decodes a whole file: by its byte-order mark, as UTF-8, or else as it says itself.
 * @param declared the name of an encoding in the file, for files that have one
 */
export function decodeFile(bytes: Uint8Array, declared?: (head: string) => string | undefined): string | undefined {
  const mark =
    bytes[0] === 0xff && bytes[1] === 0xfe ? "utf-16le" : bytes[0] === 0xfe && bytes[1] === 0xff ? "utf-16be" : undefined;
  const text = mark ? decodeAs(mark, bytes) : decodeUtf8(bytes, true);
  if (text !== undefined || !declared) return text;
  const label = declared(Buffer.from(bytes.subarray(0, 2048)).toString("latin1"));
  return label === undefined ? undefined : decodeAs(label, bytes);
}

function decodeAs(label: string, bytes: Uint8Array): string | undefined {
  try {
    return new TextDecoder(label, { fatal: true }).decode(bytes);
  } catch {
    return undefined;
  }
}

/** Why a text cannot be stored everywhere, or undefined. Stores and JSON parsers differ on both of these. */
export function textProblem(text: string): string | undefined {
  if (text.includes("\0")) return "has a NUL character";
  if (!text.isWellFormed()) return "has half of a surrogate pair";
  return undefined;
}
