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

/** Why a text cannot be stored everywhere, or undefined. Stores and JSON parsers differ on both of these. */
export function textProblem(text: string): string | undefined {
  if (text.includes("\0")) return "has a NUL character";
  if (!text.isWellFormed()) return "has half of a surrogate pair";
  return undefined;
}
