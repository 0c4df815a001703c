import { existsSync } from "node:fs";
import { basename, dirname, join } from "node:path";
import { packageRoot } from "../version.ts";

/**
 * A real corpus that every installation has: the Markdown documents of the project itself and of the npm packages
 * it depends on.
 * @returns absolute paths of existing folders and files, the project's own first
 */
export function demoCorpus(root: string = packageRoot): string[] {
  const own = ["README.md", "CHANGELOG.md", "CONTRIBUTING.md", "docs"]
    .map((name) => join(root, name))
    .filter((path) => existsSync(path));
  // In a checkout the dependencies are below the package; installed, the package is one of them.
  const below = join(root, "node_modules");
  const beside = dirname(root);
  const dependencies = existsSync(below) ? [below] : basename(beside) === "node_modules" ? [beside] : [];
  return [...own, ...dependencies];
}
