/** Variables as a process has them. */
export type Environment = Record<string, string | undefined>;

/** Takes a variable out, so that no process started later inherits it. An empty one is none. */
export function takeVariable(env: Environment, name: string): string | undefined {
  const value = env[name] || undefined;
  delete env[name];
  return value;
}
