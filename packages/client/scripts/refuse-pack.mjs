// Runs under any Node, before anything could be built.
/** The sources reach beyond this package, so packing them would publish something that cannot run. */
console.error(
  "Pack what was built: npm run build -w @tallybase/client && npm pack ./packages/client/dist",
);
process.exitCode = 1;
