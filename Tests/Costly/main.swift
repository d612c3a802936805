// The shipped program, made dearer on purpose: what counts instructions or measures times must notice.
//
// COSTLY_INSTRUCTIONS=10000 adds so many to each request, and COSTLY_MILLISECONDS=1 a sleep in which nothing
// else runs. With neither set it costs some 1,000 instructions more than the shipped program.

import Functions
import Glibc
import Net

@EventLoopActor
final class CostlyHandler: Handler {
    private let handler: any Handler
    private let instructions: Int
    private let milliseconds: Int
    private var state: UInt64 = 1

    init(_ handler: any Handler, instructions: Int, milliseconds: Int) {
        self.handler = handler
        self.instructions = instructions
        self.milliseconds = milliseconds
    }

    func handle(_ request: consuming HTTPRequest, deadline: Deadline) async -> HTTPResponse {
        burn()
        if milliseconds > 0 { usleep(UInt32(milliseconds) * 1000) }
        return await handler.handle(request, deadline: deadline)
    }

    /// Random numbers (xorshift), each made from the one before, so that no compiler leaves one out.
    private func burn() {
        var state = self.state
        for _ in 0..<instructions / Self.instructionsPerRound {
            state ^= state << 13
            state ^= state >> 7
            state ^= state << 17
        }
        self.state = state
    }

    /// Of a round of that loop, counted by callgrind.
    private static let instructionsPerRound = 10
}

func number(_ name: String) -> Int {
    guard let value = getenv(name) else { return 0 }
    let text = String(cString: value)
    guard let number = Int(text), (0...1_000_000_000).contains(number) else {
        let complaint = "costly-functions: \(name) is \(text). Expected a number from 0 to 1000000000\n"
        _ = Array(complaint.utf8).withUnsafeBytes { write(STDERR_FILENO, $0.baseAddress, $0.count) }
        exit(78)
    }
    return number
}

let instructions = number("COSTLY_INSTRUCTIONS")
let milliseconds = number("COSTLY_MILLISECONDS")
Process.prepare()
exit(
    Service.run(Process.arguments) {
        CostlyHandler($0, instructions: instructions, milliseconds: milliseconds)
    })
