import type { Method } from "./intercepted-call.js";

// Host methods have all kinds of signatures, and `any` is what lets one decorator fit them all.
// eslint-disable-next-line typescript/no-explicit-any
type AnyMethod = (this: any, ...args: any[]) => any;

/** A decorator for methods that works in both dialects: `experimentalDecorators` and standard TC39. */
export interface MethodDecoratorOfBothDialects {
  <This, M extends AnyMethod>(method: M, context: ClassMethodDecoratorContext<This, M>): M;
  <M extends AnyMethod>(target: object, name: string | symbol, descriptor: TypedPropertyDescriptor<M>): void;
}

/** @param wrap Gets the method and its name, and makes the one to put in its place. Nothing else happens at decoration time. */
export function decorateMethod(
  decorator: string,
  wrap: (body: Method, name: string | symbol) => Method,
): MethodDecoratorOfBothDialects {
  const decorate = (target: unknown, nameOrContext: unknown, descriptor?: PropertyDescriptor): unknown => {
    // The standard dialect passes a context object where the legacy one passes the name.
    if (isContext(nameOrContext)) {
      if (nameOrContext.kind !== "method") throw notAMethod(decorator, nameOrContext.kind);
      return disguise(wrap(target as Method, nameOrContext.name), target as Method);
    }
    const body: unknown = descriptor?.value;
    if (typeof body !== "function") throw notAMethod(decorator, descriptor === undefined ? "field" : "accessor");
    return { ...descriptor, value: disguise(wrap(body as Method, nameOrContext as string | symbol), body as Method) };
  };
  return decorate as MethodDecoratorOfBothDialects;
}

/** @throws TypeError that names the decorator, what it expected and what it got. */
export function expectArgument(decorator: string, isMet: boolean, expected: string, got: unknown): void {
  if (!isMet)
    throw new TypeError(`Expected \`@${decorator}\` to get ${expected}, got \`${String(got)}\` (${typeof got})`);
}

function isContext(nameOrContext: unknown): nameOrContext is DecoratorContext {
  return typeof nameOrContext === "object" && nameOrContext !== null && "kind" in nameOrContext;
}

function notAMethod(decorator: string, got: string): TypeError {
  return new TypeError(
    `Expected \`@${decorator}\` to decorate a method, got ${/^[aeiou]/.test(got) ? "an" : "a"} ${got}`,
  );
}

/** Takes over what the method shows of itself: its name and its length, and whatever else was put on it. */
function disguise(wrapper: Method, body: Method): Method {
  return Object.defineProperties(wrapper, Object.getOwnPropertyDescriptors(body));
}
