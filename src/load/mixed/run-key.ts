/** Payload field that marks what a load run wrote. */
export const runField = "_ragctl_run";

/** Eight hexadecimal digits that the keys of a run's own points begin with. @param random 32 bits of chance */
export function runTag(random: number): string {
  return `f00d${(random & 0xffff).toString(16).padStart(4, "0")}`;
}

/** The key of a run's n-th point: a UUID (version 8: our own layout), so that it is the point's id too. */
export function runKey(tag: string, n: number): string {
  const digits = n.toString(16).padStart(18, "0");
  return `${tag}-${digits.slice(0, 4)}-8${digits.slice(4, 7)}-8${digits.slice(7, 10)}-0000${digits.slice(10)}`;
}
