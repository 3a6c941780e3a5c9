export type {
  ActivationView,
  ApiKeyView,
  AuditEvent,
  AuditHead,
  BillingPage,
  BillingState,
  BuildView,
  CreatedApiKey,
  CreatedInvitation,
  CreatedWebhook,
  CreateSessionBody,
  Decision,
  EventType,
  FoldedTurn,
  HistoryMessage,
  Invitation,
  Invoice,
  InvoiceDetail,
  KartaEvent,
  Me,
  Member,
  MessageAnswer,
  Metadata,
  MintedSessionToken,
  MintedStaffToken,
  MintStaffTokenBody,
  OwnOrg,
  PatchSessionBody,
  PendingInput,
  PreviewView,
  PriceBookWire,
  PriceEntry,
  ProjectView,
  RateLimitView,
  ReleaseDiff,
  ReleaseView,
  Session,
  Usage,
  UsageRow,
  Webhook,
} from '@karta/protocol';
export { foldEvents } from '@karta/protocol';
export type { Backoff } from './backoff.ts';
export {
  ApiError,
  AuthenticationError,
  BudgetError,
  ConflictError,
  ConnectionError,
  GoneError,
  InvalidRequestError,
  KartaSdkError,
  NotFoundError,
  PermissionError,
  RateLimitError,
  ServerError,
  UnexpectedAnswerError,
} from './errors.ts';
export type { FileContent, SessionFile, SessionFiles } from './files.ts';
export { Karta, type KartaOptions } from './karta.ts';
export type { Audit } from './management/audit.ts';
export type { Billing } from './management/billing.ts';
export type { Budgets } from './management/budgets.ts';
export type { BuildEvent, Builds } from './management/builds.ts';
export type { Env } from './management/env.ts';
export type { Keys } from './management/keys.ts';
export type { Members } from './management/members.ts';
export type { Orgs } from './management/orgs.ts';
export type { Prices, PricesOptions } from './management/prices.ts';
export type { Projects } from './management/projects.ts';
export type { RateLimits } from './management/rate-limits.ts';
export type { Archive, DeployOptions, Releases } from './management/releases.ts';
export type { SessionTokens } from './management/session-tokens.ts';
export type { Staff } from './management/staff.ts';
export type { UsageOptions, UsageReports } from './management/usage.ts';
export type { Webhooks } from './management/webhooks.ts';
export type { Page, PagedList } from './page.ts';
export type { ResolvedInput, SendOptions, SessionHandle } from './session-handle.ts';
export type { ListOptions, OpenedSession, Sessions } from './sessions.ts';
export type { Credential } from './transport.ts';
export type { TurnStream } from './turn-stream.ts';
