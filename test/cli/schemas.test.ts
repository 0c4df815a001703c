import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { publishedSchemas } from "../../scripts/schemas.ts";
import { openRun } from "../../src/runs/index.ts";
import { packageRoot } from "../../src/version.ts";
import { fakeRuntime, runCli } from "../helpers/fake-runtime.ts";
import { schemaProblems } from "../helpers/json-document.ts";
import { tempDir } from "../helpers/temp-dir.ts";

test("the published schemas are up to date: npm run schemas", async () => {
  const dir = join(packageRoot, "schemas");
  const onDisk = readdirSync(dir).toSorted();
  const texts = await publishedSchemas();
  expect(onDisk).toEqual([...texts.keys()].toSorted());
  for (const [file, text] of texts) expect(readFileSync(join(dir, file), "utf8"), file).toBe(text);
});

test("what commands print is what the schemas say, results and errors", async () => {
  const cwd = tempDir({ "bad.yaml": "clusters: 3\n" });
  openRun(fakeRuntime({ cwd }), { command: "load", cluster: "a" }).end({
    exitCode: 4,
    state: "done",
    result: { verdict: "fail" },
  });
  const lines: [command: string, args: string[], exitCode: number][] = [
    ["init", [], 0],
    ["init", [], 7],
    ["config check", [], 0],
    ["config check", ["--config", "bad.yaml"], 2],
    ["config show", [], 0],
    ["config schema", [], 0],
    ["runs", [], 0],
    ["runs", ["latest"], 0],
    ["runs", ["--limit", "x"], 2],
    ["status", ["--cluster", "nope"], 2],
  ];
  for (const [command, args, exitCode] of lines) {
    const result = await runCli([...command.split(" "), ...args, "--json"], { cwd });
    expect(result.exitCode, command).toBe(exitCode);
    expect(schemaProblems(command, result.json()), `${command} ${args.join(" ")}`).toEqual([]);
  }
});

test("a document that is not what the schema says is told apart", async () => {
  const document = (await runCli(["runs", "--json"], { cwd: tempDir() })).json();
  expect(schemaProblems("runs", { ...document, surplus: 1 })).not.toEqual([]);
  expect(schemaProblems("runs", { ...document, result: { ...document.result, runs: [{ id: 3 }] } })).not.toEqual([]);
  expect(schemaProblems("runs", { ...document, exitCode: 9 })).not.toEqual([]);
});

test("the config schema accepts what check accepts, and refuses what it refuses", async () => {
  const good = {
    clusters: {
      a: { topology: "routed", store: { driver: "qdrant" }, nodes: [{ id: "a", url: "http://a" }], objectives: { p99: "1s" } },
    },
  };
  expect(schemaProblems("config", good)).toEqual([]);
  for (const bad of [
    {},
    { clusters: 3 },
    { ...good, surplus: 1 },
    { clusters: { a: { ...good.clusters.a, nodes: [] } } },
    { clusters: { a: { ...good.clusters.a, objectives: { p99: 5 } } } },
  ])
    expect(schemaProblems("config", bad), JSON.stringify(bad)).not.toEqual([]);
});
