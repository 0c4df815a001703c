import { existsSync, statSync } from "node:fs";
import { basename, dirname, join, resolve } from "node:path";
import { usageError } from "../errors.ts";
import type { Runtime } from "../runtime.ts";

export const moduleExtensions = ["js", "mjs", "cjs", "ts", "mts"];
const extensions = ["yaml", "yml", "json", "js", "ts", "mjs"];

/** Where a config may stand in a directory, the first one that is there counting. */
export const searchPlaces = [
  ...extensions.map((extension) => `ragctl.config.${extension}`),
  ".ragctlrc",
  ...extensions.map((extension) => `.ragctlrc.${extension}`),
  "package.json",
];

/** What `ragctl up` calls the cluster that it starts. */
export const localName = "local";

/** The directory that `ragctl up` keeps its things in, and the cluster it describes there. */
export const localDirName = ".ragctl";
export const localClusterFile = "cluster.json";

/** The config file for this working directory, searched upwards; undefined when there is none. */
export async function findConfigFile(runtime: Pick<Runtime, "cwd">): Promise<string | undefined> {
  const { cosmiconfig } = await import("cosmiconfig");
  // cosmiconfig finds; reading with positions is ours. An empty file counts: it is a mistake to be told about.
  const found = (filepath: string) => filepath;
  const explorer = cosmiconfig("ragctl", {
    searchPlaces,
    ignoreEmptySearchPlaces: false,
    cache: false,
    loaders: {
      noExt: found,
      ...Object.fromEntries(extensions.map((extension) => [`.${extension}`, found])),
      ".json": (filepath, content) => (basename(filepath) === "package.json" ? packageConfig(filepath, content) : filepath),
    },
  });
  for (const dir of upwards(runtime.cwd)) {
    const result = await explorer.search(dir);
    if (result) return result.filepath;
    const passedOver = searchPlaces.find((place) => place !== "package.json" && existsSync(join(dir, place)));
    if (passedOver !== undefined) return join(dir, passedOver);
  }
  return undefined;
}

/** `--config FILE`, relative to the working directory. */
export function namedConfigFile(runtime: Pick<Runtime, "cwd">, file: string): string {
  const path = resolve(runtime.cwd, file);
  if (!existsSync(path))
    throw usageError([{ file, message: "there is no such file" }], {
      code: "config-not-found",
      hint: "check the path that --config gives, or write one with ragctl init",
    });
  return path;
}

/** `.ragctl/cluster.json` of this directory or one above; undefined when `up` started nothing here. */
export function findLocalClusterFile(runtime: Pick<Runtime, "cwd">): string | undefined {
  return upwards(runtime.cwd)
    .map((dir) => join(dir, localDirName, localClusterFile))
    .find((path) => statSync(path, { throwIfNoEntry: false })?.isFile());
}

/** The directory and those above it, nearest first. */
export function upwards(dir: string): string[] {
  const parent = dirname(dir);
  return parent === dir ? [dir] : [dir, ...upwards(parent)];
}

/** In the form that cosmiconfig takes a `ragctl` key out of. A package.json that is broken is its owner's business. */
function packageConfig(filepath: string, content: string): Record<string, string> {
  try {
    const parsed: unknown = JSON.parse(content);
    return typeof parsed === "object" && parsed !== null && "ragctl" in parsed ? { ragctl: filepath } : {};
  } catch {
    return {};
  }
}
