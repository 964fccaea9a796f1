// A (1+1) evolution strategy that speaks the protocol of docs/protocol.md: it changes one value of the best
// configuration at a time, and keeps what is no worse.

const lines = require("readline").createInterface({ input: process.stdin });
const answer = (message) => process.stdout.write(JSON.stringify(message) + "\n");

let space, random, best, lowest = Infinity;

// Mulberry32: the language's own generator takes no seed.
function generator(seed) {
  return () => {
    seed = (seed + 0x6d2b79f5) | 0;
    let t = Math.imul(seed ^ (seed >>> 15), 1 | seed);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 4294967296;
  };
}

function sample({ type, low, high, log, choices }) {
  if (type === "categorical") return choices[Math.floor(random() * choices.length)];
  if (type === "int") return low + Math.floor(random() * (high - low + 1));
  if (!log) return low + random() * (high - low);
  const value = Math.exp(Math.log(low) + random() * (Math.log(high) - Math.log(low)));
  return Math.min(Math.max(value, low), high);
}

function propose() {
  if (!best) return Object.fromEntries(space.map((one) => [one.name, sample(one)]));
  const one = space[Math.floor(random() * space.length)];
  return { ...best, [one.name]: sample(one) };
}

const handlers = {
  init({ problem, optimizer_seed }) {
    space = problem.space;
    random = generator(optimizer_seed);
    answer({ type: "ready", protocol_version: 1 });
  },
  ask() {
    answer({ type: "propose", candidate: propose() });
  },
  tell({ candidate, losses }) {
    if (losses[0] <= lowest) [best, lowest] = [candidate, losses[0]];
  },
  finish() {
    process.exit();
  },
};

lines.on("line", (line) => {
  const message = JSON.parse(line);
  handlers[message.type]?.(message);
});
