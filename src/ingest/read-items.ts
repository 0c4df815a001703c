import type { InputFile, Item, ReaderOptions } from "./contract.ts";
import type { Listing } from "./inputs/list.ts";
import { readAhead } from "./read-ahead.ts";
import { readers } from "./readers/index.ts";
import { SeenIds } from "./seen-ids.ts";
import type { Tally } from "./tally.ts";

/** Everything that the files hold, one after the other, each id once. Ends early, without complaint, on an interrupt. */
export async function* readItems(
  listing: Listing,
  context: { options: ReaderOptions; signal: AbortSignal; tally: Tally; progress: { bytes: number; files: number } },
): AsyncGenerator<Item, undefined> {
  const { options, signal, tally, progress } = context;
  const seen = new SeenIds();
  const onBytes = (delta: number) => (progress.bytes += delta);
  for (const dead of listing.dead) {
    tally.read++;
    yield dead;
  }
  try {
    const read = (file: InputFile) => readers[file.reader].read(file, options, { signal, onBytes });
    for await (const item of readAhead(listing.files, read, () => progress.files++)) {
      if (signal.aborted) return;
      tally.read++;
      if (item.kind === "dead" || seen.add(item.id)) yield item;
      // The same record once more, word for word: it is stored already, or about to be.
      else if (item.idFromContent) tally.settle("unchanged", item);
      else tally.buryDocument(item, "read", `another document of this run has the id ${JSON.stringify(item.id)}`);
    }
  } catch (error) {
    if (!signal.aborted) throw error;
  }
}
