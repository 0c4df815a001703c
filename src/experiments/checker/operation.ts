/** What became known of one key in one operation. Times are monotonic µs of a clock that the machine shares. */
export interface KeyOperation {
  /** `write` and `delete` change the key; `read` says what a fetch found of it, `hit` what a search did. */
  kind: "write" | "delete" | "read" | "hit";
  /** Of a change: the version it has, where the writer learned it. Of a read: what was found; undefined: nothing, or nothing with a version. */
  version: number | undefined;
  startUs: number;
  endUs: number;
  /** Of a change: acknowledged; otherwise its outcome is unknown, and it may be there or not. Of a read: the key was there. */
  sure: boolean;
}

const codes = { write: "w", delete: "d", read: "r", hit: "h" } as const;
const kinds = new Map(Object.entries(codes).map(([kind, code]) => [code, kind as KeyOperation["kind"]]));

/** One line of a history, as short as JSON goes. */
export function encodeOperation(key: string, { kind, version, startUs, endUs, sure }: KeyOperation): string {
  return `${JSON.stringify([codes[kind], key, version ?? null, startUs, endUs, sure ? 1 : 0])}\n`;
}

/** @throws SyntaxError or RangeError for a line that was not written by `encodeOperation` */
export function decodeOperation(line: string): { key: string; operation: KeyOperation } {
  const [code, key, version, startUs, endUs, sure] = JSON.parse(line) as [
    (typeof codes)[keyof typeof codes],
    string,
    number | null,
    number,
    number,
    0 | 1,
  ];
  const kind = kinds.get(code);
  if (!kind) throw new RangeError(`not a line of a history: ${line}`);
  return { key, operation: { kind, version: version ?? undefined, startUs, endUs, sure: sure === 1 } };
}
