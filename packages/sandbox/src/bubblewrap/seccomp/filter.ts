import { constants } from 'node:os';
import {
  allow,
  assemble,
  fail,
  type Instruction,
  ifAnyBit,
  ifAtLeast,
  ifEqual,
  loadArchitecture,
  loadArgument,
  loadNumber,
} from './assemble.ts';
import {
  ARCHITECTURES,
  CHECKED,
  type Machine,
  numbersOf,
  REFUSED,
  UNKNOWN,
} from './system-calls.ts';

const { EPERM, ENOSYS, EAFNOSUPPORT, EPROTONOSUPPORT } = constants.errno;
/** Numbers from here on are the x32 ABI, a second door to every system call. */
const X32 = 0x40000000;
/** CLONE_NEWNS, NEWCGROUP, NEWUTS, NEWIPC, NEWUSER, NEWPID, NEWNET. */
const NAMESPACE_FLAGS = 0x7e020000;
/** AF_UNIX, AF_INET, AF_INET6: netlink, vsock, packet and the long tail are refused. */
const SOCKET_FAMILIES = [1, 2, 10];
/**
 * The family's own, ICMP, TCP, UDP, ICMPv6. For any other the kernel would load what it has of it
 * (SCTP, UDP-Lite, MPTCP): code that few look at, and that no harness needs.
 */
const SOCKET_PROTOCOLS = [0, 1, 6, 17, 58];
/** PER_LINUX, ADDR_NO_RANDOMIZE, and the question what it is. */
const PERSONALITIES = [0, 0x0040000, 0xffffffff];
/** TIOCSTI and TIOCLINUX put input into a terminal as if it were typed. */
const TERMINAL_INJECTIONS = [0x5412, 0x541c];

const SOCKET = [
  ...oneOf(0, SOCKET_FAMILIES, EAFNOSUPPORT),
  ...only(2, SOCKET_PROTOCOLS, EPROTONOSUPPORT),
];

/** The system-call filter of every process in a sandbox, or `null` on an unknown processor. */
export function systemCallFilter(machine: string): Buffer | null {
  return machine === 'x64' || machine === 'arm64' ? assemble(filterProgram(machine)) : null;
}

export function filterProgram(machine: Machine): Instruction[] {
  const column = machine === 'x64' ? 0 : 1;
  return [
    loadArchitecture,
    ifEqual(ARCHITECTURES[machine], 1, 0),
    fail(ENOSYS),
    loadNumber,
    ...(machine === 'x64' ? [ifAtLeast(X32, 0, 1), fail(ENOSYS)] : []),
    ...numbersOf(UNKNOWN, machine).flatMap((number) => [ifEqual(number, 0, 1), fail(ENOSYS)]),
    ...numbersOf(REFUSED, machine).flatMap((number) => [ifEqual(number, 0, 1), fail(EPERM)]),
    ...when(CHECKED.clone[column], [
      loadArgument(0),
      ifAnyBit(NAMESPACE_FLAGS, 0, 1),
      fail(EPERM),
      allow,
    ]),
    ...when(CHECKED.ioctl[column], [loadArgument(1), ...refuseValues(TERMINAL_INJECTIONS), allow]),
    ...when(CHECKED.socket[column], SOCKET),
    ...when(CHECKED.socketpair[column], SOCKET),
    ...when(CHECKED.personality[column], only(0, PERSONALITIES, EPERM)),
    allow,
  ];
}

/** Runs the block, which must end in an answer, for one system call only. */
function when(number: number, block: Instruction[]): Instruction[] {
  return [ifEqual(number, 0, block.length), ...block];
}

/** Allows a call with one of these values as the argument, and fails any other. */
function only(argument: number, values: readonly number[], errno: number): Instruction[] {
  return [
    loadArgument(argument),
    ...values.flatMap((value) => [ifEqual(value, 0, 1), allow]),
    fail(errno),
  ];
}

/** Goes on behind it with one of these values as the argument, and fails with any other. */
function oneOf(argument: number, values: readonly number[], errno: number): Instruction[] {
  return [
    loadArgument(argument),
    ...values.map((value, at) => ifEqual(value, values.length - at, 0)),
    fail(errno),
  ];
}

function refuseValues(values: readonly number[]): Instruction[] {
  return values.flatMap((value) => [ifEqual(value, 0, 1), fail(EPERM)]);
}
