/** English function words: so common that they say nothing of what a text is about. */
const stopWords = new Set(
  `a about above after again against all also although am an and any are as at be because been before being below between
  both but by can cannot could did do does doing down during each few for from further had has have having he her here hers
  him his how however i if in into is it its itself just may me might more most must my no nor not of off on once only or
  other ought our out over own same shall she should so some such than that the their them then there these they this those
  through thus to too under until up upon us very was we were what when where whether which while who whom why will with
  within without would you your`.split(/\s+/),
);

/** @param word in lower case */
export function isStopWord(word: string): boolean {
  return stopWords.has(word);
}
