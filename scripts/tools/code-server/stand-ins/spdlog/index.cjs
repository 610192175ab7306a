// In place of the native `@vscode/spdlog`, which would have to be compiled: VS Code writes its logs, and the extensions' log
// channels, by it, and shows them by reading the files.
const { appendFileSync, mkdirSync } = require("node:fs");
const { dirname } = require("node:path");

const LEVELS = ["trace", "debug", "info", "warning", "error", "critical", "off"];

class FileLogger {
  #file;
  #level = 2;
  #isBare = false;

  constructor(file) {
    this.#file = file;
    mkdirSync(dirname(file), { recursive: true });
  }

  trace = (text) => this.#write(0, text);
  debug = (text) => this.#write(1, text);
  info = (text) => this.#write(2, text);
  warn = (text) => this.#write(3, text);
  error = (text) => this.#write(4, text);
  critical = (text) => this.#write(5, text);

  getLevel() {
    return this.#level;
  }

  setLevel(level) {
    this.#level = level;
  }

  setPattern() {
    this.#isBare = false;
  }

  clearFormatters() {
    this.#isBare = true;
  }

  flush() {}

  drop() {}

  #write(level, text) {
    if (level < this.#level) return;
    const time = new Date().toISOString().replace("T", " ").slice(0, -1);
    appendFileSync(this.#file, this.#isBare ? text : `${time} [${LEVELS[level]}] ${text}\n`);
  }
}

exports.setFlushOn = () => {};
exports.createRotatingLogger = async (_name, file) => new FileLogger(file);
exports.createAsyncRotatingLogger = exports.createRotatingLogger;
