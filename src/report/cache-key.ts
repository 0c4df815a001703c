const longest = 40;

/** A key that fits beside three columns: its digest, if it must be, without its middle. The whole of it is in the JSON. */
export function shortKey(key: string): string {
  return key.length <= longest ? key : `${key.slice(0, longest - 11)}…${key.slice(-10)}`;
}
