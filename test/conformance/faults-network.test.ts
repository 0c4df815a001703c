import { faultCases, isOfTheNetwork } from "../helpers/fault-cases.ts";
import { everyFaultHeals } from "./fault-suite.ts";

everyFaultHeals(faultCases.filter(isOfTheNetwork));
