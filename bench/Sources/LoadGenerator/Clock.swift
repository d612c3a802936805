package import Glibc

/// The monotonic clock, in nanoseconds. It is one for all processes of the machine.
package enum Clock {
    package static func now() -> UInt64 { read(CLOCK_MONOTONIC) }

    package static func read(_ clock: clockid_t) -> UInt64 {
        var time = timespec()
        _ = clock_gettime(clock, &time)
        return UInt64(time.tv_sec) * 1_000_000_000 + UInt64(time.tv_nsec)
    }

    /// Sleeps. For pauses between measurements, where nothing is timed by it.
    package static func sleep(milliseconds: Double) {
        var time = timespec(
            tv_sec: Int(milliseconds / 1_000),
            tv_nsec: Int(milliseconds.truncatingRemainder(dividingBy: 1_000) * 1e6))
        var left = timespec()
        while nanosleep(&time, &left) != 0, errno == EINTR { time = left }
    }
}
