// What is known of the node: asked for again and again, and told to whoever draws it.
import { FIELDS, pick } from "./fields.js";

const PATIENCE_MS = 4000;

/** Everything that was last answered, by path, and since when nothing is. */
export const state = { answers: {}, failing: new Map() };

const listeners = new Set();

/** Calls `draw(state)` after each answer, and when one fails to come. */
export function onChange(draw) {
  listeners.add(draw);
}

/** Asks for `path` every `every_ms`, but not while nobody looks. */
export function poll(path, every_ms) {
  let timer;
  let asking = false;
  const again = async () => {
    if (asking || document.hidden) return;
    clearTimeout(timer);
    asking = true;
    await ask(path);
    asking = false;
    timer = setTimeout(again, every_ms);
  };
  document.addEventListener("visibilitychange", again);
  again();
}

async function ask(path) {
  try {
    const answer = await fetch(path, { cache: "no-store", signal: AbortSignal.timeout(PATIENCE_MS) });
    // /readyz says why it is not ready with status 503.
    if (!answer.ok && answer.status !== 503) throw new Error(`status ${answer.status}`);
    state.answers[path] = pick(await answer.json(), FIELDS[path], path);
    state.failing.delete(path);
  } catch (error) {
    if (!state.failing.has(path)) state.failing.set(path, { since: new Date(), reason: String(error.message) });
  }
  for (const draw of listeners) draw(state, path);
}
