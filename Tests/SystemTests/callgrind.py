"""What callgrind counted, by function; of two runs the difference, so that start and end are not counted."""

import collections
import re
import subprocess

#: What hands out memory. A call that one of them makes to another is not counted again.
ALLOCATORS = frozenset(
    prefix + name for prefix in ("", "__libc_", "__")
    for name in ("malloc", "calloc", "realloc", "memalign", "posix_memalign", "aligned_alloc", "valloc"))

_NAME = re.compile(r"(c?fn)=\((\d+)\)(?: (.*))?$")


class Profile:
    """Instructions and calls: of one run, or what one more event costs."""

    def __init__(self):
        self.total = 0
        self.allocations = 0
        self.own = collections.Counter()
        #: With all that is called from there; where functions call in circles it is counted more than once.
        self.inclusive = collections.Counter()
        self.calls = collections.Counter()

    @classmethod
    def read(cls, path):
        """Of one run. The format is callgrind's: a line with `calls=` is followed by what these calls cost."""
        profile = cls()
        names = {}
        function = callee = None
        with open(path, errors="replace") as lines:
            for line in lines:
                if line[0].isdigit() or line[0] in "+-*":
                    cost = int(line.split()[1])
                    profile.inclusive[function] += cost
                    if callee is None:
                        profile.own[function] += cost
                    callee = None
                elif line.startswith("calls="):
                    profile._called(function, callee, int(line[6:].split()[0]))
                elif found := _NAME.match(line):
                    kind, number, name = found.groups()
                    name = names.setdefault(number, name)
                    function, callee = (function, name) if kind == "cfn" else (name, None)
                elif line.startswith("totals:"):
                    profile.total = int(line.split()[1])
        assert profile.total > 0, f"{path}: nothing was counted"
        return profile

    def _called(self, caller, callee, count):
        self.calls[callee] += count
        if callee in ALLOCATORS and caller not in ALLOCATORS:
            self.allocations += count

    def less(self, fewer, events):
        """What each of the `events` costs that this run had more than the other."""
        each = Profile()
        each.total = (self.total - fewer.total) / events
        each.allocations = (self.allocations - fewer.allocations) / events
        for name in ("own", "inclusive", "calls"):
            counts, less = getattr(self, name), getattr(fewer, name)
            getattr(each, name).update({key: (counts[key] - less[key]) / events for key in counts})
        return each


def until(path, function):
    """Instructions of the parts of a run that end where `function` is entered. The run was told to write what it had
    counted so far whenever one of some functions is (callgrind's `--dump-before`)."""
    total = 0
    for part in path.parent.glob(f"{path.name}.*"):
        text = part.read_text(errors="replace")
        if f"desc: Trigger: --dump-before={function}\n" in text:
            total += int(re.search(r"^(?:summary|totals): (\d+)", text, re.M)[1])
        part.unlink()
    assert total > 0, f"no part of {path} ends at {function}"
    return total


def demangled(names):
    """A readable name for each; Swift's are not known to valgrind."""
    result = subprocess.run(["swift", "demangle", "--simplified"], input="\n".join(names), text=True,
                            capture_output=True, check=True)
    readable = result.stdout.splitlines()
    assert len(readable) == len(names), "swift demangle lost a line"
    return dict(zip(names, readable))


def has_names(program):
    """Whether the program's symbols are there, without which nothing can be said of a function."""
    result = subprocess.run(["nm", program], capture_output=True, text=True)
    return " malloc\n" in result.stdout
