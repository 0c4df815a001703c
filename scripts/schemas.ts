/**
 * Writes `schemas/`: one JSON Schema a command, of what it prints with `--json`, and that of the config file.
 * `npm run schemas`; a test asserts that they are up to date.
 */
import { mkdirSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { commands } from "../commands/index.ts";
import { configJsonSchema } from "../src/config/json-schema.ts";
import { monkeyJsonSchema } from "../src/experiments/monkey/schema.ts";
import { experimentJsonSchema } from "../src/experiments/profile/schema.ts";
import { profileJsonSchema } from "../src/load/profile/schema.ts";
import { documentSchema } from "../src/report/published-schema.ts";
import { packageRoot } from "../src/version.ts";

/** File name → text of every published schema. @param skipped is told of commands that cannot be loaded; without it they throw */
export async function publishedSchemas(skipped?: (command: string, error: unknown) => void): Promise<Map<string, string>> {
  const texts = new Map([
    ["config.json", format(configJsonSchema())],
    ["load-profile.json", format(profileJsonSchema())],
    ["chaos-profile.json", format(experimentJsonSchema())],
    ["monkey-profile.json", format(monkeyJsonSchema())],
  ]);
  for (const [name, { load }] of Object.entries(commands)) {
    try {
      const { resultSchema } = await load();
      if (resultSchema) texts.set(`${name.replaceAll(" ", "-")}.json`, format(documentSchema(name, resultSchema)));
    } catch (error) {
      if (!skipped) throw error;
      skipped(name, error);
    }
  }
  return texts;
}

function format(schema: unknown): string {
  return `${JSON.stringify(schema, null, 2)}\n`;
}

if (process.argv[1] === import.meta.filename) {
  const dir = join(packageRoot, "schemas");
  mkdirSync(dir, { recursive: true });
  let complete = true;
  const texts = await publishedSchemas((command, error) => {
    complete = false;
    console.error(`${command}: skipped, it cannot be loaded: ${(error as Error).message}`);
  });
  // A schema of a command that is gone goes too, but not that of one that merely could not be loaded.
  if (complete) for (const file of readdirSync(dir)) if (!texts.has(file)) rmSync(join(dir, file));
  for (const [file, text] of texts) writeFileSync(join(dir, file), text);
  console.log(`${texts.size} schemas in schemas/`);
  process.exitCode = complete ? 0 : 1;
}
