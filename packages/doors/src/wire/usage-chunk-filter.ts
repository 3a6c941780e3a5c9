import { EventFilter } from './event-filter.ts';

const MARK = Buffer.from('"usage"');
const USAGE = /"usage"\s*:\s*\{/;

/** Takes the closing usage chunk out of a Chat Completions stream whose client did not ask for it. */
export class UsageChunkFilter extends EventFilter {
  constructor() {
    super({ mark: MARK, isOne: isUsageChunk });
  }
}

function isUsageChunk(event: string): boolean {
  const data = /^data:(.*)$/m.exec(event)?.[1];
  if (data === undefined || !USAGE.test(data)) return false;
  try {
    const { choices } = JSON.parse(data);
    return Array.isArray(choices) && choices.length === 0;
  } catch {
    return false;
  }
}
