import { UnreadableValueError } from "./errors.js";

/** How deep arrays and objects may lie in one another: far beyond any state, and far within everybody's stack. */
export const MAX_NESTING = 500;

/** How many values one JSON text may hold, arrays and objects among them: `[[],[],…]` takes thirty times its text in memory. */
export const MAX_VALUES = 1_000_000;

/** What a text holds that names what every object inherits, or an escape behind which that may hide. */
const SUSPICION = /proto|\\u/;

const [QUOTE, BACKSLASH, COMMA] = [0x22, 0x5c, 0x2c];
const [OPENING_BRACKET, CLOSING_BRACKET, OPENING_BRACE, CLOSING_BRACE] = [0x5b, 0x5d, 0x7b, 0x7d];

/**
 * Parses JSON that anybody may have written: what would take the host's time, memory or stack is refused before it is
 * parsed, and what would change the prototypes of objects into which a host copies it, after that.
 * @throws UnreadableValueError whose message holds nothing of the text.
 */
export function parseStoredJson(text: string): unknown {
  expectBounded(text);
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    // No cause: the SyntaxError quotes the text, and that may be a decrypted profile.
    throw new UnreadableValueError("It is not JSON.");
  }
  if (SUSPICION.test(text) && holdsPrototype(value))
    throw new UnreadableValueError("It names what every object inherits.");
  return value;
}

/** By the text alone, whose strings are passed over. What is no JSON passes here, if it is small enough. */
function expectBounded(text: string): void {
  let depth = 0;
  let values = 1;
  for (let at = 0; at < text.length; at++) {
    switch (text.charCodeAt(at)) {
      case QUOTE:
        at = endOfString(text, at);
        break;
      case COMMA:
        values++;
        break;
      case OPENING_BRACKET:
      case OPENING_BRACE:
        if (++depth > MAX_NESTING) throw new UnreadableValueError(`It is nested deeper than ${MAX_NESTING} levels.`);
        // What holds nothing was counted where it lies.
        if (!isClosing(text.charCodeAt(at + 1))) values++;
        break;
      case CLOSING_BRACKET:
      case CLOSING_BRACE:
        depth--;
        break;
    }
    if (values > MAX_VALUES) throw new UnreadableValueError(`It holds more than ${MAX_VALUES} values.`);
  }
}

function isClosing(character: number): boolean {
  return character === CLOSING_BRACKET || character === CLOSING_BRACE;
}

/** Where the string ends that begins at `start`; where it does not, the text does. */
function endOfString(text: string, start: number): number {
  for (let end = text.indexOf('"', start + 1); end !== -1; end = text.indexOf('"', end + 1)) {
    let before = end;
    while (text.charCodeAt(before - 1) === BACKSLASH) before--;
    if ((end - before) % 2 === 0) return end;
  }
  return text.length;
}

/** Whether a property is called as the prototype is, or leads to it: a host that merges it into an object changes all of them. */
function holdsPrototype(value: unknown): boolean {
  if (typeof value !== "object" || value === null) return false;
  if (Array.isArray(value)) return value.some(holdsPrototype);
  return isPrototypal(value) || Object.values(value).some(holdsPrototype);
}

/** Of one object, not of what lies in it. */
export function isPrototypal(value: object): boolean {
  if (Object.hasOwn(value, "__proto__")) return true;
  if (!Object.hasOwn(value, "constructor")) return false;
  const { constructor } = value as { constructor: unknown };
  return typeof constructor === "object" && constructor !== null && Object.hasOwn(constructor, "prototype");
}
