import { readFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

/** The package's root, from a source file or from its compiled twin under `dist/`. */
export const packageRoot = findRoot(dirname(fileURLToPath(import.meta.url)));

export const version: string = (JSON.parse(readFileSync(join(packageRoot, "package.json"), "utf8")) as { version: string })
  .version;

function findRoot(from: string): string {
  const parent = dirname(from);
  const root = parent.endsWith("dist") ? dirname(parent) : parent;
  return root;
}
