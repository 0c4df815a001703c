import { EventClock } from "../../helpers/sim/event-clock.ts";
import { MemoryState, memoryState } from "../../helpers/sim/memory-state.ts";
import { stateConformance } from "./conformance.ts";

// The simulations rest on this one, so it must be like the real ones.
stateConformance("the simulated state store", () => {
  const clock = new EventClock();
  const shared = new MemoryState();
  const open = () => Promise.resolve(memoryState(shared, clock));
  return open().then((store) => ({ store, other: open, pass: (ms) => clock.run(ms) }));
});
