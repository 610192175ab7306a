import type { MethodDecoratorOfBothDialects } from "redis-mirrored";

type AnyFunction = (this: unknown, ...args: any[]) => unknown;

/** What a decorator makes of a method, as a compiler would apply it. */
export function decorate<M extends AnyFunction>(decorator: MethodDecoratorOfBothDialects, method: M): M {
  const descriptor = { value: method, configurable: true, enumerable: false, writable: true };
  return (decorator({}, method.name, descriptor) as unknown as { value: M }).value;
}
