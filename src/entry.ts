import { fileURLToPath } from "node:url";

/**
 * The path of a sibling process entry point or worker, in the same form as the caller runs in: `.ts` from a checkout
 * (Node strips the types), `.js` from the published build.
 * @param importMetaUrl the caller's `import.meta.url`
 * @param relative without extension, such as `./server`
 */
export function entryPath(importMetaUrl: string, relative: string): string {
  const extension = importMetaUrl.endsWith(".ts") ? ".ts" : ".js";
  return fileURLToPath(new URL(`${relative}${extension}`, importMetaUrl));
}
