/**
 * Text as one word of a POSIX shell, whatever it holds: nothing inside single quotes means anything, and a single quote
 * is put between double ones.
 * @throws Error for a NUL, which no argument can hold
 */
export function shellWord(text: string): string {
  if (text.includes("\0")) throw new Error("a shell word cannot hold a NUL");
  return /^[A-Za-z0-9_@%+:,./-]+$/.test(text) ? text : `'${text.replaceAll("'", `'"'"'`)}'`;
}

/** A command line of these words, numbers as they are. */
export function shellLine(...words: readonly (string | number)[]): string {
  return words.map((word) => shellWord(String(word))).join(" ");
}
