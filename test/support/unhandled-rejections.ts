/**
 * mocha passes over a rejection that nobody handles; Node ends the process for it. Here it fails the test that runs.
 */
process.on("unhandledRejection", (reason) => {
  throw reason;
});

/** So does a leak of listeners, which Node only mentions. */
process.on("warning", (warning) => {
  if (warning.name === "MaxListenersExceededWarning") throw warning;
});
