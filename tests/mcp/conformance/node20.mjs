// Lets the suite run on Node 20: it imports `globSync` of `fs`, which came with Node 22, for a command that is not used here.
import { register } from "node:module";

const fs = 'export * from "node:fs"; export const globSync = () => [];';
const hooks = `
const fs = "data:text/javascript," + ${JSON.stringify(encodeURIComponent(fs))};
export async function resolve(specifier, context, next) {
    return specifier === "fs" ? { url: fs, shortCircuit: true } : next(specifier, context);
}`;
register("data:text/javascript," + encodeURIComponent(hooks));
