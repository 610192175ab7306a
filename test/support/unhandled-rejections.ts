/**
 * mocha passes over a rejection that nobody handles; Node ends the process for it. Here it fails the test that runs.
 */
process.on("unhandledRejection", (reason) => {
  throw reason;
});
