import { writeFile } from "node:fs/promises";
import { resolve } from "node:path";
import { scrubbedJson, scrubber } from "../src/secrets.ts";
import type { CommandContext } from "./define.ts";

/** Writes a result as one self-contained page, free of secrets; where that fails, the result stands all the same. */
export async function writePage<R>(
  file: string,
  result: R,
  render: (result: R, version: string) => string,
  { runtime, note, warn }: CommandContext,
): Promise<void> {
  const clean = JSON.parse(scrubbedJson(result, scrubber(runtime))) as R;
  try {
    await writeFile(resolve(runtime.cwd, file), render(clean, runtime.versions.ragctl));
    note(`the page is in ${file}`);
  } catch (error) {
    warn(`--html: ${file} was not written: ${(error as Error).message}`);
  }
}
