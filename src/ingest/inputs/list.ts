import { readdir, realpath, stat } from "node:fs/promises";
import { isAbsolute, join, relative, resolve, sep } from "node:path";
import { usageError, type Problem } from "../../errors.ts";
import type { DeadRecord, InputFile, ReaderName } from "../contract.ts";
import { readerFor, readableExtensions } from "../readers/index.ts";
import { sentenceOf } from "./file-error.ts";

export interface Listing {
  files: InputFile[];
  /** Folders and files below a named folder that could not be looked at. */
  dead: DeadRecord[];
  /** Files below a named folder that no reader takes. */
  ignored: number;
  totalBytes: number;
}

/**
 * The files that the paths mean: a file is taken as it is, a folder with everything readable below it, in sorted order,
 * without hidden entries. Symbolic links are followed; each real file is taken once, so that loops end.
 * @throws RagctlError exit 2 with every path that is missing, cannot be read, or holds nothing to read
 */
export async function listInputs(
  paths: readonly string[],
  options: { cwd: string; format?: ReaderName | undefined },
): Promise<Listing> {
  const listing: Listing = { files: [], dead: [], ignored: 0, totalBytes: 0 };
  const problems: Problem[] = [];
  const seen = new Set<string>();
  const name = (path: string) => displayName(path, options.cwd);

  async function takeFile(path: string, bytes: number, reader: ReaderName): Promise<void> {
    const real = await realpath(path);
    if (seen.has(real)) return;
    seen.add(real);
    listing.files.push({ path, name: name(path), bytes, reader });
    listing.totalBytes += bytes;
  }

  async function takeFolder(path: string): Promise<void> {
    const real = await realpath(path);
    if (seen.has(real)) return;
    seen.add(real);
    const entries = (await readdir(path)).filter((entry) => !entry.startsWith(".")).toSorted(byCodeUnits);
    for (const entry of entries) {
      const below = join(path, entry);
      try {
        const facts = await stat(below);
        const reader = options.format ?? readerFor(below);
        if (facts.isDirectory()) await takeFolder(below);
        else if (facts.isFile() && reader) await takeFile(below, facts.size, reader);
        else listing.ignored++;
      } catch (error) {
        listing.dead.push({ kind: "dead", origin: { source: name(below) }, stage: "read", reason: sentenceOf(error) });
      }
    }
  }

  for (const path of paths) {
    const absolute = resolve(options.cwd, path);
    try {
      const facts = await stat(absolute);
      if (facts.isDirectory()) {
        const before = listing.files.length + listing.dead.length;
        const known = seen.size;
        await takeFolder(absolute);
        if (listing.files.length + listing.dead.length === before && seen.size > known)
          problems.push({ file: path, message: `nothing to read in this folder: no ${readableExtensions} files` });
      } else {
        const reader = options.format ?? readerFor(absolute);
        if (reader) await takeFile(absolute, facts.size, reader);
        else
          problems.push({
            file: path,
            message: `no reader takes this kind of file (${readableExtensions}); --format says what it is`,
          });
      }
    } catch (error) {
      problems.push({ file: path, message: sentenceOf(error) });
    }
  }
  if (problems.length > 0) throw usageError(problems, { code: "ingest-input" });
  return listing;
}

/** Relative to the working directory where it is below it, with forward slashes; otherwise absolute. */
export function displayName(path: string, cwd: string): string {
  const below = relative(cwd, path);
  const shown = below === "" || below === ".." || below.startsWith(`..${sep}`) || isAbsolute(below) ? path : below;
  return sep === "/" ? shown : shown.replaceAll(sep, "/");
}

/** The same everywhere, whatever the locale. */
function byCodeUnits(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}
