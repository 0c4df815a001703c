import { expect, test } from "vitest";
import { faults } from "../../src/faults/index.ts";
import { elsewhere, faultCases, isOfTheNetwork } from "../helpers/fault-cases.ts";
import { everyFaultHeals } from "./fault-suite.ts";

everyFaultHeals(faultCases.filter((each) => !isOfTheNetwork(each)));

test("every fault of the registry is held to this, or says where it is", () => {
  const covered = new Set([...faultCases.map(({ fault }) => fault), ...Object.keys(elsewhere)]);
  expect(Object.keys(faults).filter((name) => !covered.has(name))).toEqual([]);
});
