import { CliError } from '../cli-error.ts';
import { takeUpstreams, type Upstream, upstreamText } from '../supervisor/provider-keys.ts';
import { type Finding, finding } from './finding.ts';

/** Which providers a server that is started now would use: told by the environment, without keys. */
export function modelFinding(env: Readonly<Record<string, string | undefined>>): Finding {
  let upstreams: Upstream[];
  try {
    upstreams = takeUpstreams({ ...env });
  } catch (error) {
    if (!(error instanceof CliError)) throw error;
    const notes = [error.message, ...error.details];
    return finding('models', 'provider', 'missing', notes, [error.next]);
  }
  const real = upstreams.filter((upstream) => upstream.id !== 'demo');
  if (real.length === 0) {
    const advice = 'set ANTHROPIC_API_KEY, OPENAI_API_KEY or another provider: docs/upstreams.md';
    return finding('models', 'provider', 'good', ['the demo model, embedded'], [advice]);
  }
  return finding('models', 'provider', 'good', real.map(upstreamText));
}
