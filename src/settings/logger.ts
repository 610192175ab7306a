/** Where the mirror writes the few lines it has to say; VS Code's `LogOutputChannel` is one. */
export interface Logger {
  /** What is good to know: connected, closed. */
  info(message: string): void;
  /** What needs somebody's attention. Never a value, nor a secret. */
  warn(message: string): void;
  /** What only somebody who looks for a fault wants to read. */
  debug?(message: string): void;
}

export const consoleLogger: Logger = {
  info: (message) => console.info(message),
  warn: (message) => console.warn(message),
};
