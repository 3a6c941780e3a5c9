/** Processor families for which the filter knows the numbers of system calls. */
export type Machine = 'x64' | 'arm64';

/** The kernel's AUDIT_ARCH values. */
export const ARCHITECTURES: Record<Machine, number> = { x64: 0xc000003e, arm64: 0xc00000b7 };

/** Number on x86-64, number on arm64 (`null`: not there). */
type Numbers = readonly [x64: number | null, arm64: number | null];

/** Refused whatever the arguments are, with EPERM: an agent has no business with any of them. */
export const REFUSED: Readonly<Record<string, Numbers>> = {
  mount: [165, 40],
  umount2: [166, 39],
  pivot_root: [155, 41],
  chroot: [161, 51],
  open_tree: [428, 428],
  move_mount: [429, 429],
  fsopen: [430, 430],
  fsconfig: [431, 431],
  fsmount: [432, 432],
  fspick: [433, 433],
  mount_setattr: [442, 442],
  open_tree_attr: [467, 467],
  unshare: [272, 97],
  setns: [308, 268],
  ptrace: [101, 117],
  process_vm_readv: [310, 270],
  process_vm_writev: [311, 271],
  pidfd_getfd: [438, 438],
  kcmp: [312, 272],
  bpf: [321, 280],
  perf_event_open: [298, 241],
  keyctl: [250, 219],
  add_key: [248, 217],
  request_key: [249, 218],
  kexec_load: [246, 104],
  kexec_file_load: [320, 294],
  init_module: [175, 105],
  finit_module: [313, 273],
  delete_module: [176, 106],
  create_module: [174, null],
  get_kernel_syms: [177, null],
  query_module: [178, null],
  userfaultfd: [323, 282],
  open_by_handle_at: [304, 265],
  name_to_handle_at: [303, 264],
  fanotify_init: [300, 262],
  reboot: [169, 142],
  swapon: [167, 224],
  swapoff: [168, 225],
  settimeofday: [164, 170],
  clock_settime: [227, 112],
  clock_adjtime: [305, 266],
  adjtimex: [159, 171],
  acct: [163, 89],
  quotactl: [179, 60],
  quotactl_fd: [443, 443],
  syslog: [103, 116],
  sethostname: [170, 161],
  setdomainname: [171, 162],
  iopl: [172, null],
  ioperm: [173, null],
  modify_ldt: [154, null],
  lookup_dcookie: [212, 18],
  nfsservctl: [180, 42],
  vhangup: [153, 58],
  uselib: [134, null],
  _sysctl: [156, null],
  sysfs: [139, null],
  move_pages: [279, 239],
  migrate_pages: [256, 238],
};

/** Answered as if the kernel were too old for them, so that every runtime falls back. */
export const UNKNOWN: Readonly<Record<string, Numbers>> = {
  // Its flags lie in memory, where a filter cannot look; C libraries fall back to `clone`.
  clone3: [435, 435],
  io_uring_setup: [425, 425],
  io_uring_enter: [426, 426],
  io_uring_register: [427, 427],
};

/** Looked at by argument. */
export const CHECKED: Readonly<
  Record<'clone' | 'personality' | 'socket' | 'socketpair' | 'ioctl', readonly [number, number]>
> = {
  clone: [56, 220],
  personality: [135, 92],
  socket: [41, 198],
  socketpair: [53, 199],
  ioctl: [16, 29],
};

/** The numbers of a table on one machine. */
export function numbersOf(table: Readonly<Record<string, Numbers>>, machine: Machine): number[] {
  return Object.values(table).flatMap((numbers) => numbers[machine === 'x64' ? 0 : 1] ?? []);
}
