// Compiled twice from this one source: with legacy decorators and with standard ones. Each method has a bare twin of
// the same body in `Bare`, to compare with.
import { RedisMirrored, RedisRestored } from "redis-mirrored";

/** What a method is to do when it is called, and what it has seen of the call. */
export interface Script {
  readonly outcome: "return" | "throw";
  readonly value: unknown;
  readonly seen: { self: unknown; args: unknown[]; returned: unknown }[];
}

const SYMBOL = Symbol("save");

function play(script: Script, self: unknown, args: unknown[]): unknown {
  script.seen.push({ self, args, returned: script.value });
  if (script.outcome === "throw") throw script.value;
  return script.value;
}

/** As VS Code's: nothing but `then`. */
function thenable(script: Script, self: unknown, args: unknown[]): PromiseLike<unknown> {
  const settled = script.outcome === "throw" ? Promise.reject(script.value) : Promise.resolve(script.value);
  settled.catch(() => {});
  const returned: PromiseLike<unknown> = { then: (...handlers) => settled.then(...handlers) as never };
  script.seen.push({ self, args, returned });
  return returned;
}

class Base {
  inherited(script: Script, ...args: unknown[]): unknown {
    return play(script, this, args);
  }
}

export class Bare extends Base {
  #secret = "private state";
  sync(script: Script, ...args: unknown[]): unknown {
    return play(script, this, args);
  }
  async async(script: Script, ...args: unknown[]): Promise<unknown> {
    return play(script, this, args);
  }
  thenable(script: Script, ...args: unknown[]): PromiseLike<unknown> {
    return thenable(script, this, args);
  }
  generic<T>(script: Script, ...args: T[]): T {
    return play(script, this, args) as T;
  }
  overloaded(script: Script): number;
  overloaded(script: Script, text: string): string;
  overloaded(script: Script, ...args: unknown[]): unknown {
    return play(script, this, args);
  }
  override inherited(script: Script, ...args: unknown[]): unknown {
    return super.inherited(script, ...args);
  }
  private hidden(script: Script, ...args: unknown[]): unknown {
    return play(script, this, args);
  }
  callHidden(script: Script, ...args: unknown[]): unknown {
    return this.hidden(script, ...args);
  }
  [SYMBOL](script: Script, ...args: unknown[]): unknown {
    return play(script, this, args);
  }
  callSymbol(script: Script, ...args: unknown[]): unknown {
    return this[SYMBOL](script, ...args);
  }
  readsPrivateState(script: Script, ...args: unknown[]): unknown {
    play(script, this, args);
    return this.#secret;
  }
  withDefaults(script: Script, _text = "default", _more?: number): unknown {
    return play(script, this, [_text, _more]);
  }
  static static(script: Script, ...args: unknown[]): unknown {
    return play(script, this, args);
  }
}

const record = (_script: Script, value: unknown) => ({ record: "customInstructions", value });

export class Decorated extends Base {
  #secret = "private state";
  @RedisMirrored(record)
  sync(script: Script, ...args: unknown[]): unknown {
    return play(script, this, args);
  }
  @RedisMirrored(record)
  async async(script: Script, ...args: unknown[]): Promise<unknown> {
    return play(script, this, args);
  }
  @RedisMirrored(record)
  thenable(script: Script, ...args: unknown[]): PromiseLike<unknown> {
    return thenable(script, this, args);
  }
  @RedisMirrored(record)
  generic<T>(script: Script, ...args: T[]): T {
    return play(script, this, args) as T;
  }
  overloaded(script: Script): number;
  overloaded(script: Script, text: string): string;
  @RedisMirrored(record)
  overloaded(script: Script, ...args: unknown[]): unknown {
    return play(script, this, args);
  }
  @RedisMirrored(record)
  override inherited(script: Script, ...args: unknown[]): unknown {
    return super.inherited(script, ...args);
  }
  @RedisMirrored(record)
  private hidden(script: Script, ...args: unknown[]): unknown {
    return play(script, this, args);
  }
  callHidden(script: Script, ...args: unknown[]): unknown {
    return this.hidden(script, ...args);
  }
  @RedisMirrored(record)
  [SYMBOL](script: Script, ...args: unknown[]): unknown {
    return play(script, this, args);
  }
  callSymbol(script: Script, ...args: unknown[]): unknown {
    return this[SYMBOL](script, ...args);
  }
  @RedisMirrored(record)
  readsPrivateState(script: Script, ...args: unknown[]): unknown {
    play(script, this, args);
    return this.#secret;
  }
  @RedisMirrored(record)
  withDefaults(script: Script, _text = "default", _more?: number): unknown {
    return play(script, this, [_text, _more]);
  }
  @RedisMirrored(record)
  static static(script: Script, ...args: unknown[]): unknown {
    return play(script, this, args);
  }
}

/** A host as Roo-Code's classes are: a store in memory, saved and loaded in all the ways the decorators know. */
export class Host {
  readonly local = new Map<string, unknown>();
  owner: string | undefined = "owner";
  /** Replaces what `adopt` does. */
  adopting: ((value: unknown) => unknown) | undefined;
  loads = 0;

  @RedisMirrored("customInstructions")
  async save(value: unknown): Promise<void> {
    this.local.set("customInstructions", value);
  }

  @RedisMirrored("customInstructions")
  saveAndChange(value: { text: string }): void {
    value.text += ", changed by the method";
  }

  @RedisMirrored("customInstructions")
  async fail(_value: unknown): Promise<void> {
    throw new Error("the disk is full");
  }

  @RedisMirrored("customInstructions")
  failAtOnce(_value: unknown): void {
    throw new Error("the disk is full");
  }

  @RedisMirrored((key: string, value: unknown) => ({ record: key, value }))
  update(key: string, value: unknown): PromiseLike<void> {
    this.local.set(key, value);
    const done = Promise.resolve();
    return { then: (...handlers) => done.then(...handlers) };
  }

  @RedisMirrored((key: string, value: unknown) => ({ record: key, value }))
  setValue(key: string, value: unknown): PromiseLike<void> {
    return this.update(key, value);
  }

  @RedisMirrored((value: unknown) =>
    value === "skip" ? undefined : { record: "customInstructions", value, userId: "another" },
  )
  saveForAnother(value: unknown): void {
    this.local.set("customInstructions", value);
  }

  @RedisMirrored("customInstructions", {
    value(this: Host, _context: unknown, value: unknown) {
      return `${this.constructor === Host} ${String(value)}`;
    },
    userId(this: Host) {
      return this.owner;
    },
  })
  saveAsOwner(_context: unknown, _value: unknown): void {}

  @RedisMirrored("taskHistory", {
    result: (self: Host, result: unknown[]) => [...result, ...((self.local.get("extra") as unknown[]) ?? [])],
  })
  async upsert(item: { id: string; ts: number }): Promise<unknown[]> {
    await Promise.resolve();
    const history = [...((this.local.get("taskHistory") as unknown[]) ?? []), item];
    this.local.set("taskHistory", history);
    return history;
  }

  @RedisMirrored(() => {
    throw new Error("a selector of the host's with a sk-canary in its message");
  })
  saveWithThrowingSelector(value: unknown): unknown {
    return value;
  }

  @RedisRestored("customInstructions", {
    adopt: (self: Host, value, ...args) =>
      (self.adopting ?? (() => self.local.set("customInstructions", [value, ...args].join(" "))))(value),
    isEmpty: (value) => value === "default",
  })
  async load(..._args: unknown[]): Promise<unknown> {
    this.loads++;
    await Promise.resolve();
    return this.local.get("customInstructions");
  }

  @RedisRestored("customInstructions", { adopt: (self: Host, value) => self.local.set("customInstructions", value) })
  loadNow(): unknown {
    return this.local.get("customInstructions");
  }

  @RedisRestored("customInstructions", { adopt: (self: Host, value) => self.local.set("customInstructions", value) })
  async loadOrFail(): Promise<unknown> {
    throw new Error("the disk cannot be read");
  }

  @RedisRestored(["taskHistory", "customInstructions"], {
    read: (self: Host, name) => self.local.get(name),
    adopt: (self: Host, name, value) => self.update(name, value),
  })
  async initialize(): Promise<string> {
    return "initialized";
  }
}
