const digitBits = 11;
const buckets = 2 ** digitBits;

/**
 * The order that sorts unsigned 32-bit integers, equal ones staying as they were: a radix sort in three passes, several times
 * faster than the runtime's own at the sizes of rings.
 * @returns indices into `values`
 */
export function sortedOrder(values: Uint32Array): Uint32Array {
  let order = new Uint32Array(values.length);
  for (let i = 0; i < order.length; i++) order[i] = i;
  let next = new Uint32Array(values.length);
  const starts = new Uint32Array(buckets);
  for (let shift = 0; shift < 32; shift += digitBits) {
    starts.fill(0);
    for (let i = 0; i < values.length; i++) starts[(values[i]! >>> shift) & (buckets - 1)]!++;
    for (let bucket = 0, at = 0; bucket < buckets; bucket++) {
      const count = starts[bucket]!;
      starts[bucket] = at;
      at += count;
    }
    for (let i = 0; i < order.length; i++) {
      const index = order[i]!;
      next[starts[(values[index]! >>> shift) & (buckets - 1)]!++] = index;
    }
    [order, next] = [next, order];
  }
  return order;
}
