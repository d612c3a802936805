import Glibc
import Net

@testable import Functions

/// Standard error under load, whose reader stops for a while: the pipe and the time are real and virtual.
enum StalledLog {
    /// What was not as it must be.
    static func run() -> [String] {
        Run.onLoop { await play() }
    }

    /// Lines a millisecond, and their bytes: half a MiB a second.
    private static let line = [UInt8](repeating: 0x61, count: 511) + [0x0A]

    @EventLoopActor
    private static func play() async -> [String] {
        var ends: [CInt] = [-1, -1]
        guard unsafe pipe(&ends) == 0, fcntl(ends[0], F_SETFL, O_NONBLOCK) == 0 else { return ["no pipe"] }
        defer { ends.forEach { _ = close($0) } }
        let sink = StandardErrorSink(descriptor: ends[1])
        var broken: [String] = []
        await write(to: sink, milliseconds: 2_000)
        if sink.droppedLinesTotal == 0 { broken.append("nothing was dropped while nobody read") }
        var read = takeAll(from: ends[0])
        // The sink looks once a second by now.
        await write(to: sink, milliseconds: 1_100) { read += takeAll(from: ends[0]) }
        let lost = sink.droppedLinesTotal
        await write(to: sink, milliseconds: 2_000) { read += takeAll(from: ends[0]) }
        if sink.droppedLinesTotal > lost {
            broken.append("\(sink.droppedLinesTotal - lost) lines were dropped with a reader there")
        }
        if sink.takeDroppedLines() == 0 { broken.append("nothing says that lines were dropped") }
        if read < 2_000 * line.count { broken.append("\(read) bytes came") }
        return broken
    }

    /// Writes a line in each millisecond, and lets others have their turn meanwhile.
    @EventLoopActor
    private static func write(
        to sink: StandardErrorSink, milliseconds: Int, meanwhile: () -> Void = {}
    ) async {
        for _ in 0..<milliseconds {
            sink.write(line)
            await EventLoop.shared.sleep(until: .after(milliseconds: 1))
            meanwhile()
        }
    }

    /// How many bytes stood in the pipe.
    private static func takeAll(from reading: CInt) -> Int {
        var (buffer, sum) = ([UInt8](repeating: 0, count: 65_536), 0)
        while true {
            let count = unsafe Glibc.read(reading, &buffer, buffer.count)
            if count <= 0 { return sum }
            sum += count
        }
    }
}
