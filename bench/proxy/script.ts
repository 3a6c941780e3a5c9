/** What the scripted provider says, and what it is asked: the same for whoever stands before it. */

const MODEL = 'gpt-5.2';
const WORDS = 20;
/** Of the instructions; a harness's first request has ten times as much. */
const INSTRUCTIONS = 'Answer briefly, and say what you do not know. '.repeat(40);
const usage = { prompt_tokens: 480, completion_tokens: WORDS, total_tokens: 480 + WORDS };

/** The events of a stream, each as it is on the wire. */
export const EVENTS: readonly string[] = [
  ...Array.from({ length: WORDS }, (_, index) =>
    event({ choices: [{ index: 0, delta: { content: `word ${index} ` }, finish_reason: null }] }),
  ),
  event({ choices: [{ index: 0, delta: {}, finish_reason: 'stop' }] }),
  event({ choices: [], usage }),
  'data: [DONE]\n\n',
];

/** The same answer in one piece. */
export function wholeAnswer(): string {
  const content = Array.from({ length: WORDS }, (_, index) => `word ${index} `).join('');
  const message = { role: 'assistant', content };
  return JSON.stringify({
    ...{ id: 'chatcmpl-1', object: 'chat.completion', created: 1_790_000_000, model: MODEL },
    ...{ choices: [{ index: 0, message, finish_reason: 'stop' }], usage },
  });
}

/** The body of a request. */
export function requestBody(stream: boolean): string {
  const messages = [
    { role: 'system', content: INSTRUCTIONS },
    { role: 'user', content: 'Say twenty words.' },
  ];
  const streamed = { stream: true, stream_options: { include_usage: true } };
  return JSON.stringify({ model: MODEL, messages, ...(stream ? streamed : {}) });
}

function event(of: object): string {
  const told = { id: 'chatcmpl-1', object: 'chat.completion.chunk', created: 1_790_000_000 };
  return `data: ${JSON.stringify({ ...told, model: MODEL, ...of })}\n\n`;
}
