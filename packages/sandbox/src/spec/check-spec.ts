import { posix } from 'node:path';
import { type SandboxCommand, SandboxError, type SandboxHost, type SandboxSpec } from '../port.ts';

/** Ids become file, cgroup and socket names: short (socket paths end at 107 bytes) and plain. */
const ID = /^[A-Za-z0-9][A-Za-z0-9_-]{0,63}$/;
const NAME = /^[a-z][a-z0-9_-]{0,31}$/;
/** The letter that the last label begins with tells a name from an address. */
const HOST_NAME = /^(?=.{1,253}$)([a-z0-9_]([a-z0-9_-]*[a-z0-9])?\.)*[a-z]([a-z0-9-]*[a-z0-9])?$/;
const OWN_NAMES = new Set(['localhost', 'karta']);
/** Each takes an address of 127.0.1.0/24 and a process inside. A target may be offered on two ports. */
const MAX_HOSTS = 64;
const ENV_NAME = /^[A-Za-z_][A-Za-z0-9_]*$/;
/** Folders inside that the driver itself makes: nothing of a spec may cover them. */
const RESERVED = ['/workspace', '/home', '/tmp', '/proc', '/dev', '/sys', '/run', '/usr', '/bin'];

/** The writable home inside; files of a spec may lie in it, read-only. */
export const HOME_INSIDE = '/home/agent';
export const WORKSPACE_INSIDE = '/workspace';

export function checkId(id: string, what: string): void {
  if (!ID.test(id)) throw invalid(`${what} ${JSON.stringify(id)} is not a plain name`);
}

/** Refuses a spec that no driver could honour. Throws `SandboxError('invalid_spec')`. */
export function checkSpec(spec: SandboxSpec): void {
  checkId(spec.id, 'the sandbox id');
  checkId(spec.org, 'the org');
  checkId(spec.volumeId, 'the volume id');
  if (!posix.isAbsolute(spec.release)) throw invalid('the release must be an absolute path');
  for (const { path } of spec.protectedPaths) checkRelative(path);
  const targets = new Set<string>();
  for (const { target } of spec.tools) {
    if (target.startsWith('/home/')) throw invalid(`a tool cannot lie at ${target}`);
  }
  for (const { target } of [...spec.tools, ...spec.files]) {
    checkTarget(target);
    if (targets.has(target)) throw invalid(`two things have the target ${target}`);
    targets.add(target);
  }
  checkHosts(spec.hosts ?? []);
  const names = [...spec.offers.map((offer) => offer.name), ...spec.listens];
  for (const name of names) if (!NAME.test(name)) throw invalid(`bad port name ${name}`);
  if (new Set(names).size !== names.length) throw invalid('two ports have one name');
  for (const [limit, value] of Object.entries(spec.limits)) {
    if (!Number.isFinite(value) || value <= 0) throw invalid(`limit ${limit} must be above 0`);
  }
}

function checkHosts(hosts: readonly SandboxHost[]): void {
  if (hosts.length > MAX_HOSTS) throw invalid(`at most ${MAX_HOSTS} hosts`);
  const places = new Set<string>();
  for (const { name, port } of hosts) {
    if (!HOST_NAME.test(name) || OWN_NAMES.has(name)) throw invalid(`bad host name ${name}`);
    if (!Number.isInteger(port) || port < 1 || port > 65_535) throw invalid(`bad port ${port}`);
    const place = `${name}:${port}`;
    if (places.has(place)) throw invalid(`the host ${place} is named twice`);
    places.add(place);
  }
}

/** Refuses a command that would not arrive as it is written. */
export function checkCommand(spec: SandboxSpec, command: SandboxCommand): void {
  const [program] = command.argv;
  if (program === '' || program.includes('=')) throw invalid('a program name is without "="');
  for (const [name, value] of Object.entries(command.env)) {
    if (!ENV_NAME.test(name)) throw invalid(`bad variable name ${JSON.stringify(name)}`);
    if (value.includes('\0')) throw invalid(`the variable ${name} has a NUL`);
  }
  if (command.argv.some((part) => part.includes('\0'))) throw invalid('an argument has a NUL');
  for (const name of command.offers ?? []) {
    if (!spec.offers.some((offer) => offer.name === name)) throw invalid(`${name} is not offered`);
  }
  for (const name of command.listens ?? []) {
    if (!spec.listens.includes(name)) throw invalid(`${name} is not among the spec's listens`);
  }
}

function checkRelative(path: string): void {
  const plain = path !== '' && path !== '.' && !posix.isAbsolute(path) && !/[\n\0]/.test(path);
  if (!plain || posix.normalize(path) !== path || path.split('/').includes('..')) {
    throw invalid(`protected path ${JSON.stringify(path)} must be plain and relative`);
  }
}

function checkTarget(target: string): void {
  if (!posix.isAbsolute(target) || posix.normalize(target) !== target || /[\n\0]/.test(target)) {
    throw invalid(`target ${JSON.stringify(target)} must be a plain absolute path`);
  }
  if (target.startsWith(`${HOME_INSIDE}/`)) return;
  const taken = RESERVED.find((folder) => target === folder || target.startsWith(`${folder}/`));
  if (target === '/' || taken !== undefined) throw invalid(`target ${target} lies in ${taken}`);
}

function invalid(message: string): SandboxError {
  return new SandboxError('invalid_spec', message);
}
