/** Who wants to know of a signal, as an `EventListenerObject`. */
export interface Aborted {
  handleEvent(): void;
}

/** A list: the tables of a `Set` that grew old keep what left it alive. */
const watchers = new WeakMap<AbortSignal, Aborted[]>();

/**
 * As `addEventListener('abort', …)`, for a signal that outlives many who want to know of it: to add
 * and remove a listener takes a twentieth of a call, a place in a list next to nothing.
 */
export function whenAborted(signal: AbortSignal, aborted: Aborted): void {
  const known = watchers.get(signal);
  if (known !== undefined) {
    known.push(aborted);
    return;
  }
  const all = [aborted];
  watchers.set(signal, all);
  const tell = () => {
    // One by one: the end of a call may be the end of another, which need not be told then.
    for (let next = all.shift(); next !== undefined; next = all.shift()) next.handleEvent();
  };
  signal.addEventListener('abort', tell, { once: true });
}

/** It wants to know no more. */
export function notWhenAborted(signal: AbortSignal, aborted: Aborted): void {
  const all = watchers.get(signal);
  const at = all?.indexOf(aborted) ?? -1;
  if (at !== -1) all?.splice(at, 1);
}
