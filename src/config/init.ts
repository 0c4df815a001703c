import { existsSync, writeFileSync } from "node:fs";
import { dirname, join, resolve } from "node:path";
import { ExitCode, RagctlError, usageError } from "../errors.ts";
import type { Runtime } from "../runtime.ts";
import { moduleExtensions, searchPlaces } from "./find.ts";
import { shownPath } from "./load.ts";
import { lookAround, type LookOptions, type Surroundings } from "./look.ts";
import type { InitResult } from "./result.ts";
import { starterConfig } from "./starter.ts";
import { plural } from "../units.ts";

/**
 * Looks around and writes a starter config.
 * @param options.file where to; `ragctl.config.yaml` here unless given
 * @throws RagctlError exit 7 where a config is already there and `force` is not given
 */
export async function initConfig(
  runtime: Runtime,
  options: { file: string | undefined; force: boolean; look?: LookOptions },
): Promise<InitResult> {
  const file = resolve(runtime.cwd, options.file ?? searchPlaces[0]!);
  if (moduleExtensions.some((extension) => file.endsWith(`.${extension}`)) || file.endsWith(".json"))
    throw usageError([{ path: "--config", message: `init writes YAML, got "${options.file}"` }], { hint: "name a .yaml file" });
  const rivals =
    options.file === undefined
      ? searchPlaces.filter((place) => place !== "package.json").map((place) => join(dirname(file), place))
      : [file];
  const existing = rivals.find((path) => existsSync(path));
  if (existing !== undefined && !options.force)
    throw new RagctlError(`${shownPath(runtime.cwd, existing)} is already there, and stays as it is`, {
      code: "config-exists",
      exitCode: ExitCode.refused,
      hint: `ragctl config check looks at it; --force writes ${shownPath(runtime.cwd, file)} anew`,
    });
  const overwritten = existsSync(file);
  const surroundings = await lookAround(runtime, options.look);
  try {
    writeFileSync(file, starterConfig(surroundings), { flag: options.force ? "w" : "wx" });
  } catch (error) {
    throw usageError([{ file: shownPath(runtime.cwd, file), message: `cannot be written: ${(error as Error).message}` }]);
  }
  return { file: shownPath(runtime.cwd, file), overwritten, found: findings(surroundings) };
}

function findings({ qdrant, redis, local }: Surroundings): InitResult["found"] {
  const found: InitResult["found"] = [];
  if (qdrant)
    found.push({
      what: "qdrant",
      where: qdrant.url,
      detail: `${qdrant.version}${qdrant.clustered ? ", cluster mode" : ""}${
        qdrant.locked ? ", wants an api key" : `, ${plural(qdrant.collections.length, "collection")}`
      }`,
    });
  if (redis) found.push({ what: "redis", where: redis.url, detail: redis.locked ? "wants a password" : "answers" });
  if (local !== undefined) found.push({ what: "local", where: local, detail: "the cluster that ragctl up started" });
  return found;
}
