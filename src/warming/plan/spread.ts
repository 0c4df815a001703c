/** So many neighbours in rank may change places: the hottest still come first, and no server is asked twice in a row for long. */
const spreadWindow = 256;

/**
 * Orders items so that their groups (primaries of a cache, nodes of a store) take turns, within windows of the rank. In a window group g of n items has its i-th at (i + ½) ÷ n: every stretch of
 * the window has each group's share of it, to within one.
 * @param groupOf what an item asks; undefined groups are one of their own
 */
export function spread<T>(items: readonly T[], groupOf: (item: T) => number | string | undefined, window = spreadWindow): T[] {
  const ordered: T[] = [];
  for (let from = 0; from < items.length; from += window) {
    const stretch = items.slice(from, from + window);
    const groups = new Map<number | string | undefined, T[]>();
    for (const item of stretch) {
      const group = groupOf(item);
      const members = groups.get(group);
      if (members) members.push(item);
      else groups.set(group, [item]);
    }
    const placed = [...groups.values()].flatMap((members) =>
      members.map((item, at) => ({ item, place: (at + 0.5) / members.length })),
    );
    ordered.push(...placed.toSorted((a, b) => a.place - b.place).map(({ item }) => item));
  }
  return ordered;
}
