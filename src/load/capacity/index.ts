export {
  nextProbe,
  type CapacityAnswer,
  type CapacityOptions,
  type CapacityStep,
  type Probe,
  type ProbeKind,
  type ProbeOutcome,
} from "./search.ts";
