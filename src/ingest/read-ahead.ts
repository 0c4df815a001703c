import type { InputFile } from "./contract.ts";
import { readers } from "./readers/index.ts";

/** Small files whose items are fetched before their turn, and how large "small" is: together they stay below 16 MiB. */
const window = 16;
const smallBytes = 2 ** 20;

/**
 * What is read of files, in the order of the files. Many small ones are opened at once, since opening costs more than
 * reading; a large one is streamed when its turn comes.
 */
export async function* readAhead<T>(
  files: readonly InputFile[],
  read: (file: InputFile) => AsyncIterable<T>,
): AsyncGenerator<T, undefined> {
  const fetched = new Map<number, Promise<T[]>>();
  let next = 0;
  for (const [at, file] of files.entries()) {
    for (; next < Math.min(files.length, at + window); next++) {
      const ahead = files[next]!;
      // A special file (a pipe) says that it has no bytes, and may have any number; what is compressed may unpack to any number.
      if (ahead.bytes === 0 || ahead.bytes > smallBytes || ahead.compression || !readers[ahead.reader].ahead) continue;
      const items = collect(read(ahead));
      // Should the run end before its turn, nobody will ask what went wrong.
      items.catch(() => {});
      fetched.set(next, items);
    }
    const items = fetched.get(at);
    fetched.delete(at);
    if (items) yield* await items;
    else yield* read(file);
  }
}

async function collect<T>(source: AsyncIterable<T>): Promise<T[]> {
  const items: T[] = [];
  for await (const item of source) items.push(item);
  return items;
}
