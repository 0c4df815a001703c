import { spawnSync } from "node:child_process";
import { copyFileSync, readdirSync, symlinkSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { layers, views } from "../../oxlint.config.ts";
import { packageRoot } from "../../src/version.ts";
import { tempDir } from "../helpers/temp-dir.ts";

/** The rule that each file breaks, by the project's own lint configuration; one line a file. */
function brokenRules(files: Record<string, string>): Record<string, string[]> {
  const dir = tempDir(files);
  copyFileSync(join(packageRoot, "oxlint.config.ts"), join(dir, "oxlint.config.ts"));
  symlinkSync(join(packageRoot, "node_modules"), join(dir, "node_modules"));
  const oxlint = join(packageRoot, "node_modules", "oxlint", "bin", "oxlint");
  const { stdout, stderr } = spawnSync(process.execPath, [oxlint, "--format=json", "src", "commands", "bin"], {
    cwd: dir,
    encoding: "utf8",
  });
  const report = JSON.parse(stdout || stderr) as { diagnostics: { code: string; filename: string }[] };
  const broken: Record<string, string[]> = Object.fromEntries(Object.keys(files).map((file) => [file, []]));
  for (const { code, filename } of report.diagnostics) broken[filename]?.push(/\(([^)]*)\)/.exec(code)?.[1] ?? code);
  return broken;
}

const uses = (specifier: string, name = "thing") => `import { ${name} } from "${specifier}";\nexport const used = ${name};\n`;
const usesType = (specifier: string) => `import type { Thing } from "${specifier}";\nexport type Used = Thing;\n`;

test("imports against the direction, and the process boundary, fail the build", () => {
  const imports = "no-restricted-imports";
  const cases: Record<string, [source: string, rule: string]> = {
    // Upward, sideways where a room stands alone, and out of src.
    "src/sharding/up.ts": [uses("../cluster/index.ts"), imports],
    "src/sharding/aside.ts": [uses("../config/schema.ts"), imports],
    "src/stores/qdrant/deep.ts": [uses("../../cluster/index.ts"), imports],
    "src/cluster/up.ts": [uses("../load/index.ts"), imports],
    "src/load/up.ts": [uses("../smoke/index.ts"), imports],
    "src/faults/up.ts": [uses("../local/supervisor-client.ts"), imports],
    "src/node/aside.ts": [uses("../cluster/index.ts"), imports],
    "src/load/command.ts": [uses("../../commands/flags.ts", "flag"), imports],
    "src/load/type-only.ts": [usesType("../experiments/result.ts"), imports],
    "src/load/lazy-looks.ts": [uses("../report/table.ts", "table"), imports],
    "src/loose.ts": [uses("./config/schema.ts"), imports],
    "src/report/reader.ts": [uses("../runs/index.ts"), imports],
    "src/ui/reader.ts": [uses("../local/up.ts"), imports],
    // Libraries that belong to one place.
    "src/load/commander.ts": [uses("commander", "Command"), imports],
    "src/ui/commander.ts": [uses("commander", "Command"), imports],
    "src/report/commander.ts": [uses("commander", "Command"), imports],
    "src/loose-commander.ts": [uses("commander", "Command"), imports],
    "src/load/chalk.ts": [uses("chalk", "Chalk"), imports],
    "src/faults/ink.ts": [uses("ink", "Text"), imports],
    "src/report/ink.ts": [uses("ink", "Text"), imports],
    "src/loose-chalk.ts": [uses("chalk", "Chalk"), imports],
    "commands/chalk.ts": [uses("chalk", "Chalk"), imports],
    "commands/chaos/table.ts": [uses("cli-table3", "Table"), imports],
    // The process boundary.
    "src/load/exit.ts": ["export const stop = () => process.exit(1);\n", "no-restricted-globals"],
    "src/load/now.ts": ["export const now = () => Date.now();\n", "no-restricted-properties"],
    "src/load/random.ts": ["export const random = () => Math.random();\n", "no-restricted-properties"],
    "src/load/performance.ts": ["export const now = () => performance.now();\n", "no-restricted-globals"],
    "src/load/log.ts": ['export const log = () => console.log("x");\n', "no-console"],
    "src/load/process.ts": ['import { argv } from "node:process";\nexport const words = argv;\n', imports],
    "src/load/hooks.ts": ['import { performance } from "node:perf_hooks";\nexport const clock = performance;\n', imports],
    "commands/env.ts": ["export const env = () => process.env;\n", "no-restricted-globals"],
  };
  const broken = brokenRules(Object.fromEntries(Object.entries(cases).map(([file, [source]]) => [file, source])));
  expect(broken).toEqual(Object.fromEntries(Object.entries(cases).map(([file, [, rule]]) => [file, [rule]])));
});

test("what the design allows is allowed", () => {
  const allowed = {
    "src/load/down.ts": uses("../cluster/index.ts"),
    "src/load/same.ts": uses("./other.ts"),
    "src/load/neighbour.ts": uses("../faults/contract.ts"),
    "src/load/operations/foundation.ts": uses("../../errors.ts"),
    "src/local/faults.ts": uses("../faults/index.ts"),
    "src/node/http.ts": uses("../stores/contract.ts"),
    "src/report/result.ts": usesType("../load/result.ts"),
    "src/report/table.ts": uses("chalk", "Chalk"),
    "src/ui/view.ts": uses("ink", "Text"),
    "src/ui/cells.ts": uses("../report/status.ts"),
    "src/load/worker.main.ts": "export const now = () => [Date.now(), process.pid];\n",
    "src/runtime.ts": "export const now = () => [Date.now(), process.pid];\n",
    "commands/parse.ts": uses("commander", "Command"),
    "commands/chaos/kill-node.ts": uses("../../src/faults/index.ts"),
    "bin/ragctl.ts": uses("../commands/main.ts", "main"),
  };
  expect(Object.entries(brokenRules(allowed)).filter(([, rules]) => rules.length > 0)).toEqual([]);
});

test("every room of src has a layer", () => {
  const rooms = readdirSync(join(packageRoot, "src"), { withFileTypes: true }).filter((entry) => entry.isDirectory());
  const placed = new Set([...layers.flat(), ...views]);
  expect(rooms.map(({ name }) => name).filter((name) => !placed.has(name))).toEqual([]);
});
