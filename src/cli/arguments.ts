import { quoted } from "./printable.js";
import { UsageError } from "./usage-error.js";

/** Reads an option that is to be a number. @param minimum Named where it is not 0. */
export function numberOf(option: string, minimum = 0): (text: string) => number {
  const expected = minimum === 0 ? "a number" : `an integer of at least ${minimum}`;
  return (text) => {
    const number = /^\d{1,9}$/.test(text) ? Number(text) : -1;
    if (number < minimum) throw new UsageError(`Expected ${option} to be ${expected}, got ${quoted(text)}`);
    return number;
  };
}

/** Reads an option that names something. */
export function nameOf(option: string, what: string): (text: string) => string {
  return (text) => {
    if (text === "") throw new UsageError(`Expected ${option} to name ${what}, got an empty name`);
    return text;
  };
}
