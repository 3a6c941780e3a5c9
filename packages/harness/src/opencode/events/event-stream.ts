import { FRAME_LIMITS, GuardError } from '../../guard/index.ts';

/**
 * The data of each event of a response that `createGuardedFetch` made: its events have one canonical
 * form, are bounded and hold clean JSON.
 */
export async function* eventData(response: Response): AsyncGenerator<unknown> {
  if (response.body === null) return;
  const decoder = new TextDecoder();
  let held = '';
  for await (const chunk of response.body) {
    held += decoder.decode(chunk, { stream: true });
    let start = 0;
    for (let end = held.indexOf('\n\n'); end !== -1; end = held.indexOf('\n\n', start)) {
      const data = dataOf(held.slice(start, end));
      start = end + 2;
      if (data !== null) yield JSON.parse(data) as unknown;
    }
    held = held.slice(start);
    // Whoever made the response broke its promise; collect no further.
    if (held.length > 2 * FRAME_LIMITS.frameBytes) {
      throw new GuardError('frame_too_large', 'an event does not end');
    }
  }
}

function dataOf(frame: string): string | null {
  for (const line of frame.split('\n')) {
    if (line.startsWith('data: ')) return line.slice('data: '.length);
  }
  return null;
}
