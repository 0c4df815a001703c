import { describe, expect, it } from "vitest";
import { collectionNameProblem } from "../../../src/config/collection-name.ts";
import { runCli } from "../../helpers/fake-runtime.ts";
import { tempDir } from "../../helpers/temp-dir.ts";

it.each(["docs", "my docs", "a.b", "文書", "_ragctl_smoke_x", "x".repeat(255)])("%j can be a collection", (name) => {
  expect(collectionNameProblem(name)).toBeUndefined();
});

it.each([
  ["a/b c", 'has "/"'],
  ["a\\b", 'has "\\\\"'],
  ["what?", 'has "?"'],
  ["a\u001Fb", 'has "\\u001f"'],
  ["a\nb", 'has "\\n"'],
  ["", "got nothing"],
  ["  ", "got nothing"],
  ["..", "in a path it means a folder"],
  ["文".repeat(86), "at most 255 bytes, this one has 258"],
])("%j cannot: %s", (name, complaint) => {
  expect(collectionNameProblem(name)).toContain(complaint);
});

describe("a name that no store takes is exit 2 before any request", () => {
  // Nothing listens there: exit 3 would mean that somebody was asked.
  const config = (collection?: string) => ({
    "ragctl.config.json": JSON.stringify({
      clusters: {
        a: {
          topology: "routed",
          store: { driver: "qdrant", ...(collection === undefined ? {} : { collection }) },
          nodes: [{ id: "n", url: "http://127.0.0.1:9" }],
          routing: { replicas: 1 },
        },
      },
    }),
    "a.txt": "text",
  });
  it.each([[["ingest", "a.txt"]], [["smoke"]], [["load", "--rps", "10"]], [["load", "capacity"]], [["shard", "status"]]])(
    "as a flag of %j",
    async (argv) => {
      const { exitCode, json } = await runCli([...argv, "--collection", "a/b c", "--json"], { cwd: tempDir(config()) });
      expect([exitCode, json().error.details]).toEqual([
        2,
        [{ path: "--collection", message: expect.stringContaining('"a/b c" has "/"') as string }],
      ]);
    },
  );
  it("and in the config", async () => {
    const { exitCode, json } = await runCli(["ingest", "a.txt", "--json"], { cwd: tempDir(config("a/b c")) });
    expect(exitCode).toBe(2);
    expect(json().error.message).toContain('"a/b c" has "/"');
  });
});
