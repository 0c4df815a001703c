import { glob, readdir, realpath, stat } from "node:fs/promises";
import { isAbsolute, join, relative, resolve, sep } from "node:path";
import type { Readable } from "node:stream";
import { usageError, type Problem } from "../../errors.ts";
import type { DeadRecord, InputFile, ReaderName } from "../contract.ts";
import { kindOf, numberedFormats, readableExtensions, type Format } from "../readers/names.ts";
import { sentenceOf } from "./file-error.ts";

export interface Listing {
  files: InputFile[];
  /** Folders and files below a named folder that could not be looked at. */
  dead: DeadRecord[];
  /** Files below a named folder that no reader takes. */
  ignored: number;
  totalBytes: number;
}

interface ListOptions {
  cwd: string;
  /** Of all files, whatever their names. */
  format?: Format | undefined;
  /** What `-` means. */
  stdin?: Readable | undefined;
}

/**
 * The files that the paths mean: a file is taken as it is; a folder, and what a pattern (`*`, `**`, `?`, `[…]`, `{…}`) matches,
 * with everything readable in it, in sorted order, without hidden entries; `-` is standard input. Symbolic links are followed; each
 * real file is taken once, so that loops end.
 * @throws RagctlError exit 2 with every path that is missing, cannot be read, or holds nothing to read
 */
export async function listInputs(paths: readonly string[], options: ListOptions): Promise<Listing> {
  const walk = new Walk(options);
  const problems: Problem[] = [];
  for (const path of paths) {
    const problem = path === "-" ? walk.takeStdin() : await walk.takeNamed(path);
    if (problem) problems.push({ file: path, message: problem });
  }
  const numbered = walk.listing.files.filter(({ reader }) => numberedFormats.includes(reader));
  if (numbered.length > 1)
    problems.push({
      file: numbered[1]!.name,
      message: `its points would have the ids of those of ${numbered[0]!.name}: row numbers. Ingest them one by one, each with an --id-prefix`,
    });
  if (problems.length > 0) throw usageError(problems, { code: "ingest-input" });
  return walk.listing;
}

/** One look at all paths. Methods that say what is wrong give a clause for people, or nothing. */
class Walk {
  readonly listing: Listing = { files: [], dead: [], ignored: 0, totalBytes: 0 };
  readonly #options: ListOptions;
  readonly #seen = new Set<string>();

  constructor(options: ListOptions) {
    this.#options = options;
  }

  takeStdin(): string | undefined {
    const { format, stdin } = this.#options;
    if (!format) return "standard input has no name that says what it is: --format does";
    if (!stdin) return "there is no standard input here";
    if (this.listing.files.some(({ stream }) => stream)) return undefined;
    this.listing.files.push({ path: "-", name: "-", bytes: 0, reader: format, stream: stdin });
    return undefined;
  }

  async takeNamed(path: string): Promise<string | undefined> {
    const absolute = resolve(this.#options.cwd, path);
    const { listing } = this;
    const before = listing.files.length + listing.dead.length;
    const known = this.#seen.size;
    try {
      const facts = await stat(absolute).catch((error: unknown) => {
        if (hasMagic(path)) return undefined;
        throw error;
      });
      if (!facts) return await this.#takePattern(path, before, known);
      if (!facts.isDirectory()) {
        const kind = this.#kindOf(absolute);
        if (!kind) return `no reader takes this kind of file (${readableExtensions}); --format says what it is`;
        await this.#takeFile(absolute, facts.size, kind);
        return undefined;
      }
      await this.#takeFolder(absolute);
      return listing.files.length + listing.dead.length === before && this.#seen.size > known
        ? `nothing to read in this folder: no ${readableExtensions} files`
        : undefined;
    } catch (error) {
      return sentenceOf(error);
    }
  }

  async #takePattern(pattern: string, before: number, known: number): Promise<string | undefined> {
    const { cwd } = this.#options;
    const found: string[] = [];
    for await (const match of glob(pattern, { cwd, exclude: isHidden })) found.push(resolve(cwd, match));
    for (const path of found.toSorted(byCodeUnits)) await this.#takeEntry(path);
    if (found.length === 0) return "no file matches this pattern";
    return this.listing.files.length + this.listing.dead.length === before && this.#seen.size === known
      ? `nothing that this pattern matches can be read: no ${readableExtensions} files`
      : undefined;
  }

  async #takeFolder(path: string): Promise<void> {
    if (!(await this.#isNew(path))) return;
    const entries = (await readdir(path)).filter((entry) => !isHidden(entry)).toSorted(byCodeUnits);
    for (const entry of entries) await this.#takeEntry(join(path, entry));
  }

  /** Something that nobody named by itself: what is wrong with it is a dead letter. */
  async #takeEntry(path: string): Promise<void> {
    try {
      const facts = await stat(path);
      const kind = this.#kindOf(path);
      if (facts.isDirectory()) await this.#takeFolder(path);
      else if (facts.isFile() && kind) await this.#takeFile(path, facts.size, kind);
      else this.listing.ignored++;
    } catch (error) {
      const origin = { source: displayName(path, this.#options.cwd) };
      this.listing.dead.push({ kind: "dead", origin, stage: "read", reason: sentenceOf(error) });
    }
  }

  async #takeFile(path: string, bytes: number, kind: Pick<InputFile, "reader" | "compression">): Promise<void> {
    if (!(await this.#isNew(path))) return;
    this.listing.files.push({ path, name: displayName(path, this.#options.cwd), bytes, ...kind });
    this.listing.totalBytes += bytes;
  }

  #kindOf(path: string): { reader: ReaderName; compression?: "gzip" | "zstd" } | undefined {
    const { reader, compression } = kindOf(path);
    const taken = this.#options.format ?? reader;
    return taken && { reader: taken, ...(compression ? { compression } : {}) };
  }

  async #isNew(path: string): Promise<boolean> {
    const real = await realpath(path);
    if (this.#seen.has(real)) return false;
    this.#seen.add(real);
    return true;
  }
}

function isHidden(entry: string): boolean {
  return entry.startsWith(".");
}

function hasMagic(path: string): boolean {
  return /[*?[{]/.test(path);
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
