import type { RouteName } from '../../wire/routes.ts';
import type { Prompt } from '../prompt.ts';
import { anthropicAnswer, anthropicStream } from './anthropic-answer.ts';
import { readAnthropic } from './anthropic-request.ts';
import { chatAnswer, chatStream } from './chat-answer.ts';
import { readChat } from './chat-request.ts';
import type { AnswerContext, Frame } from './frame.ts';
import { responsesAnswer, responsesStream } from './responses-answer.ts';
import { readResponses } from './responses-request.ts';

/** One wire format: how a request is read and how an answer is written. */
export interface Wire {
  /** Throws `BadPrompt` for what the provider would refuse with 400. */
  read(body: unknown): Prompt;
  answer(context: AnswerContext): object;
  stream(context: AnswerContext): Iterable<Frame>;
}

const anthropic = { read: readAnthropic, answer: anthropicAnswer, stream: anthropicStream };

/** The wire format of each route that takes a prompt. */
export const WIRES: Partial<Record<RouteName, Wire>> = {
  messages: anthropic,
  count_tokens: anthropic,
  chat: { read: readChat, answer: chatAnswer, stream: chatStream },
  responses: { read: readResponses, answer: responsesAnswer, stream: responsesStream },
};
