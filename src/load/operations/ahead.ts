/** What prepared requests may take together, in bytes; beyond, they are made ahead of need. */
const heldBytes = 64 * 2 ** 20;
/** How many operations ahead. */
const depth = 64;

export interface AheadOptions<T> {
  /** Distinct items. */
  count: number;
  /** What a prepared item takes, about. */
  itemBytes: number;
  prepare: (item: number) => T;
  /** Which item operation `index` takes. */
  choose: (index: number) => number;
  /** This worker has every stride-th operation. */
  stride: number;
}

/**
 * Prepared requests: all of them before the clock starts where they fit into memory; else those of the next operations, made behind the back of the one that
 * was just sent, since the choice of items is known ahead.
 */
export function prepareAhead<T>({ count, itemBytes, prepare, choose, stride }: AheadOptions<T>): (index: number) => T {
  if (count * itemBytes <= heldBytes) {
    const all = Array.from({ length: count }, (_, item) => prepare(item));
    return (index) => all[choose(index)]!;
  }
  const ready = new Map<number, T>();
  return (index) => {
    const item = ready.get(index) ?? prepare(choose(index));
    ready.delete(index);
    // Where operations are dropped, what was made for them is left over.
    if (ready.size > 2 * depth) for (const old of ready.keys()) if (old < index) ready.delete(old);
    setImmediate(() => {
      for (let next = index + stride, made = 0; next <= index + depth * stride && made < 2; next += stride)
        if (!ready.has(next)) {
          ready.set(next, prepare(choose(next)));
          made++;
        }
    });
    return item;
  };
}
