import { expect, test } from "vitest";
import { z } from "zod";
import { optionFlags } from "../../commands/chaos/option-flags.ts";
import { durationMs, fraction, sizeBytes } from "../../src/config/schema.ts";
import { faults } from "../../src/faults/index.ts";
import { faultSummaries } from "../../src/faults/names.ts";
import { runCli } from "../helpers/fake-runtime.ts";
import { tempDir } from "../helpers/temp-dir.ts";

const schema = z.strictObject({
  delay: durationMs.describe("added"),
  jitter: durationMs.prefault("10ms").describe("more or less"),
  loss: fraction.optional().describe("share of bytes"),
  memory: sizeBytes.optional().describe("to take"),
  shape: z.enum(["uniform", "normal"]).default("normal").describe("of the jitter"),
  count: z.number().int().min(1).default(3).describe("how many"),
  hard: z.boolean().default(false).describe("without mercy"),
  names: z.array(z.string()).optional().describe("of things"),
  rate: z.string().optional().describe("a second").meta({ placeholder: "size/s" }),
});

test("flags are what the schema says: placeholders, defaults, what must be given", () => {
  const flags = optionFlags(schema);
  const said = Object.fromEntries(
    Object.entries(flags).map(([key, { kind, placeholder, description, required }]) => [
      key,
      `${kind} <${placeholder}> ${description}${required ? " !" : ""}`,
    ]),
  );
  expect(said).toEqual({
    delay: "value <duration> added !",
    jitter: "value <duration> more or less (default: 10ms)",
    loss: "value <fraction> share of bytes",
    memory: "value <size> to take",
    shape: "value <uniform|normal> of the jitter (default: normal)",
    count: "value <n> how many (default: 3)",
    hard: expect.stringContaining("boolean"),
    names: "list <text,…> of things",
    rate: "value <size/s> a second",
  });
});

test("values are checked one by one and passed on as they were written", () => {
  const flags = optionFlags(schema);
  expect(flags["delay"]!.parse("300ms")).toBe("300ms");
  expect(flags["count"]!.parse("4")).toBe(4);
  expect(flags["names"]!.parse("a, b")).toEqual(["a", "b"]);
  expect(() => flags["delay"]!.parse("300")).toThrow(/expected a duration/);
  expect(() => flags["loss"]!.parse("150%")).toThrow(/at most 1/);
  expect(() => flags["count"]!.parse("0")).toThrow();
  expect(() => flags["shape"]!.parse("round")).toThrow();
});

test("every fault of the registry has a summary, a command, and help with its own flags, each described", async () => {
  expect(Object.keys(faults).toSorted()).toEqual(Object.keys(faultSummaries).toSorted());
  const cwd = tempDir();
  for (const [name, fault] of Object.entries(faults)) {
    const { stdout, exitCode } = await runCli(["chaos", name, "--help"], { cwd });
    expect(exitCode, name).toBe(0);
    for (const [key, { description }] of Object.entries(optionFlags(fault.options))) {
      expect(stdout, name).toContain(`--${key.replaceAll(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`)}`);
      expect(description, `${name} ${key}`).not.toBe("");
    }
    if (fault.reversible) expect(stdout, name).toContain("--for <duration>");
  }
});

test("no --for is a usage error before anything is looked at", async () => {
  const cwd = tempDir({
    "ragctl.config.yaml":
      "clusters: { a: { topology: routed, store: { driver: qdrant }, nodes: [{ id: n1, url: 'http://127.0.0.1:1' }] } }\n",
  });
  const run = await runCli(["chaos", "hang", "n1"], { cwd });
  expect(run).toMatchObject({ exitCode: 2, stderr: expect.stringContaining("--for: say how long hang shall last") });
  const nowhere = await runCli(["chaos", "hang", "n1", "--for", "1s"], { cwd });
  expect(nowhere).toMatchObject({ exitCode: 2, stderr: expect.stringContaining("the config names no target for n1") });
});
