import { spawnSync } from "node:child_process";
import { join } from "node:path";
import { expect, it } from "vitest";

const bin = join(import.meta.dirname, "../../bin/ragctl.ts");

/** Prints, as the process ends, which packages it loaded. */
const spy = `
  import { registerHooks } from "node:module";
  const packages = new Set();
  registerHooks({
    resolve(name, context, next) {
      const found = next(name, context);
      const inside = found.url.split("/node_modules/").slice(1).at(-1);
      if (inside) packages.add(inside.split("/").slice(0, inside.startsWith("@") ? 2 : 1).join("/"));
      return found;
    },
  });
  process.on("exit", () => process.stderr.write(JSON.stringify([...packages])));`;

function packagesOf(...argv: string[]): string[] {
  const hook = `data:text/javascript,${encodeURIComponent(spy)}`;
  const { status, stderr } = spawnSync(process.execPath, ["--import", hook, bin, ...argv], { encoding: "utf8" });
  expect(status).toBe(0);
  return JSON.parse(stderr) as string[];
}

const readersOfFormats = new Set([
  "papaparse",
  "unpdf",
  "mammoth",
  "html-to-text",
  "hyparquet",
  "h5wasm",
  "markdown-it",
  "gpt-tokenizer",
]);

it("help loads none of the libraries that read files", { timeout: 30_000 }, () => {
  // That the spy sees anything.
  expect(packagesOf("ingest", "--help")).toContain("commander");
  for (const argv of [["--help"], ["ingest", "--help"], ["ingest", "retry", "--help"]])
    expect(packagesOf(...argv).filter((name) => readersOfFormats.has(name))).toEqual([]);
});
