import { expect, test } from "vitest";
import { readyUrlOf, withoutCredentials } from "../../../src/faults/targets/configured.ts";

test.each([
  ["cache", "redis://:secret@r1:6379/2", "redis://r1:6379/2"],
  ["cache", "rediss://app:secret@r1:6379?password=other", "rediss://r1:6379"],
  ["node", "https://app:secret@q1.internal:6333/qdrant?api-key=secret", "https://q1.internal:6333/readyz"],
  ["node", "http://[::1]:6333", "http://[::1]:6333/readyz"],
] as const)("what a heal record says of a %s at %s names no password", (role, url, expected) => {
  expect(readyUrlOf({ role, url })).toBe(expected);
  expect(withoutCredentials(url)).not.toContain("secret");
});
