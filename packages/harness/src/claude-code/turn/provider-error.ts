import type { HarnessEvent } from '../../port.ts';
import type { ResultFrame } from './frames.ts';

type ErrorEvent = Extract<HarnessEvent, { type: 'error' }>;

/** Advice that Claude Code appends for people at its terminal; the address is the sandbox's own. */
const ADVICE =
  /\s*(?:If it persists, c|C)heck (?:your inference gateway|the gateway set in)[^\n]*/g;

/** The error that a failed result tells of; `null` for a result that is none or an interruption. */
export function errorOf(result: ResultFrame): ErrorEvent | null {
  if (result.terminal_reason?.startsWith('aborted_')) return null;
  const failed = result.is_error === true || result.subtype.startsWith('error_');
  if (!failed || result.subtype === 'error_max_turns') return null;
  const said = result.result ?? result.errors?.join('; ') ?? '';
  const message = said.replace(ADVICE, '').trim() || `Claude Code: ${result.subtype}`;
  const provider = result.terminal_reason === 'api_error' || result.api_error_status != null;
  if (!provider) return { type: 'error', code: 'harness_failed', message, retryable: true };
  return {
    type: 'error',
    ...kindOf(result.api_error_status ?? null),
    message,
    provider: 'anthropic',
  };
}

function kindOf(status: number | null): Pick<ErrorEvent, 'code' | 'retryable'> {
  if (status === 401 || status === 403) return { code: 'provider_auth', retryable: false };
  if (status === 429) return { code: 'provider_rate_limited', retryable: true };
  if (status === 529 || status === 503) return { code: 'provider_overloaded', retryable: true };
  return { code: 'provider_error', retryable: status === null || status >= 500 };
}
