// The official ticker: says on stdout, a line each, whatever it hears; ends when stdin does.

import { KiteTicker } from "kiteconnect";

const [apiKey, accessToken, root, mode, ...tokens] = process.argv.slice(2);
const ticker = new KiteTicker({ api_key: apiKey, access_token: accessToken, root });
const watched = tokens.map(Number);

const say = (kind, more) => process.stdout.write(JSON.stringify({ kind, ...more }) + "\n");

ticker.on("connect", () => {
  ticker.subscribe(watched);
  // A subscription is in quote mode until it is told otherwise.
  if (mode !== "quote") ticker.setMode({ full: ticker.modeFull, ltp: ticker.modeLTP }[mode], watched);
  say("connect", { connected: ticker.connected() });
});
ticker.on("ticks", (ticks) => say("ticks", { ticks }));
ticker.on("order_update", (order) => say("order", { order }));
ticker.on("message", (frame) => say("message", { bytes: frame.byteLength }));
ticker.on("error", (error) => say("error", { reason: String(error.message ?? error) }));
ticker.on("close", (event) => say("close", { code: event.code }));
ticker.on("reconnect", (attempt, wait) => say("reconnect", { attempt, wait }));

process.stdin.setEncoding("utf8");
process.stdin.on("data", (text) => {
  for (const command of text.split("\n").filter(Boolean)) {
    const [name, ...numbers] = command.split(" ");
    if (name === "unsubscribe") ticker.unsubscribe(numbers.map(Number));
    if (name === "disconnect") ticker.disconnect();
  }
});
process.stdin.on("end", () => process.exit(0));
ticker.connect();
