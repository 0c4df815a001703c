import type { InputFile, Item } from "./contract.ts";

/** Small files whose items are fetched before their turn, and how large "small" is: together they stay below 16 MiB. */
const window = 16;
const smallBytes = 2 ** 20;

/**
 * The items of files, in the order of the files. Many small ones are opened at once, since opening costs more than reading;
 * a large one is streamed when its turn comes.
 */
export async function* readAhead(
  files: readonly InputFile[],
  read: (file: InputFile) => AsyncIterable<Item>,
  onFile: () => void,
): AsyncGenerator<Item, undefined> {
  const fetched = new Map<number, Promise<Item[]>>();
  let next = 0;
  for (const [at, file] of files.entries()) {
    for (; next < Math.min(files.length, at + window); next++) {
      const ahead = files[next]!;
      // A special file (a pipe) says that it has no bytes, and may have any number.
      if (ahead.bytes === 0 || ahead.bytes > smallBytes) continue;
      const items = collect(read(ahead));
      // Should the run end before its turn, nobody will ask what went wrong.
      items.catch(() => {});
      fetched.set(next, items);
    }
    onFile();
    const items = fetched.get(at);
    fetched.delete(at);
    if (items) yield* await items;
    else yield* read(file);
  }
}

async function collect(source: AsyncIterable<Item>): Promise<Item[]> {
  const items: Item[] = [];
  for await (const item of source) items.push(item);
  return items;
}
