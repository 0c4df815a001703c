/**
 * The text that stands for a query wherever it is counted or hashed: NFC, and runs of white space as one blank, none at the ends. Case is kept: to an
 * embedder it matters.
 */
export function normalizeQuery(text: string): string {
  return text.normalize("NFC").trim().replaceAll(/\s+/g, " ");
}
