import leven from "leven";

/** The known word that was probably meant: at most a third of it differs, three letters at most. */
export function nearest(word: string, known: readonly string[]): string | undefined {
  const lower = word.toLowerCase();
  let best: { candidate: string; distance: number } | undefined;
  for (const candidate of known) {
    const distance = leven(lower, candidate.toLowerCase());
    const allowed = Math.min(3, Math.max(1, Math.ceil(Math.max(candidate.length, word.length) / 3)));
    if (distance <= allowed && (!best || distance < best.distance)) best = { candidate, distance };
  }
  return best?.candidate;
}

/** `; did you mean "nodes"?`, or what there is to choose from while that is short, or nothing. */
export function didYouMean(word: string, known: readonly string[]): string {
  const near = nearest(word, known);
  if (near !== undefined) return `; did you mean "${near}"?`;
  return known.length > 0 && known.length <= 12 ? `; expected one of ${known.join(", ")}` : "";
}
