// The official client at the end of a pipe: one call a line on stdin, one answer a line on stdout.
//
//   {"id": 1, "method": "placeOrder", "args": ["regular", {...}]}
//   {"id": 1, "result": {...}}   or   {"id": 1, "error": {...}}
//
// "$methods" answers with the names of what a user may call, "$set" assigns properties.

import { createInterface } from "node:readline";
import { KiteConnect } from "kiteconnect";

const [apiKey, accessToken, root] = process.argv.slice(2);
const kite = new KiteConnect({ api_key: apiKey, access_token: accessToken, root });
let expiries = 0;
kite.setSessionExpiryHook(() => { expiries += 1; });

// What the class keeps for itself although nothing hides it.
const INTERNAL = new Set([
  "constructor", "createAxiosInstance", "request", "requestInstance", "session_expiry_hook",
  "parseHistorical", "transformInstrumentsResponse", "formatResponse",
]);

function methods() {
  const names = new Set([
    ...Object.getOwnPropertyNames(KiteConnect.prototype),
    ...Object.keys(kite),
  ]);
  return [...names].filter(
    (name) => !name.startsWith("_") && !INTERNAL.has(name) && typeof kite[name] === "function",
  ).sort();
}

async function answer({ method, args }) {
  if (method === "$methods") return methods();
  if (method === "$expiries") return expiries;
  if (method === "$set") return Object.assign(kite, args[0]) && null;
  return await kite[method](...args);
}

for await (const line of createInterface({ input: process.stdin })) {
  const call = JSON.parse(line);
  let reply;
  try {
    const result = await answer(call);
    reply = { id: call.id, result: result === undefined ? null : result };
  } catch (error) {
    reply = { id: call.id, error: error instanceof Error ? { message: String(error) } : error };
  }
  process.stdout.write(JSON.stringify(reply) + "\n");
}
