/** What commands need of the window they are called in: to be called, to ask, to hand over and to tell. */
export interface HostWindow {
  /** `run` does not reject. The answer takes the command back. */
  register(command: string, run: () => Promise<void>): { dispose(): unknown };
  /** Whether whoever is asked agrees. Nothing else can be done meanwhile. @param action What agreeing is called. */
  confirm(question: string, detail: string, action: string): Promise<boolean>;
  /**
   * Asks for what nobody is to see. `undefined`: whoever was asked gave nothing.
   * @param describeProblem What is wrong with what was typed so far; `undefined`: nothing.
   */
  askSecret(
    title: string,
    prompt: string,
    describeProblem: (text: string) => string | undefined,
  ): Promise<string | undefined>;
  /** To the clipboard. */
  copy(text: string): Promise<void>;
  /** Does not wait until it is read. */
  inform(message: string): void;
  /** The same of what did not work, or not all of it. */
  warn(message: string): void;
  /** Shows that something is being done, and how far it is, as `done` of `total`. */
  withProgress<T>(title: string, work: (onProgress: (done: number, total: number) => void) => Promise<T>): Promise<T>;
}
