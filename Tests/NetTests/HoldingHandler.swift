@testable import Net

/// Answers with the body it got, and when a test says so.
@EventLoopActor
final class HoldingHandler: Handler {
    /// Opens when a request is being handled.
    let entered = Gate()
    /// Where requests wait; open from the start unless a test wants them held.
    let release: Gate
    var framing = HTTPResponse.Framing.contentLength
    var answerBytes: Int?
    private(set) var handled = 0
    private(set) var waiting = 0
    /// What the last request was given.
    private(set) var deadline: Deadline?

    init(holds: Bool = false) {
        release = Gate()
        if !holds { release.open() }
    }

    func handle(_ request: consuming HTTPRequest, deadline: Deadline) async -> HTTPResponse {
        entered.open()
        self.deadline = deadline
        waiting += 1
        _ = await release.wait(until: .patient)
        waiting -= 1
        handled += 1
        var response = HTTPResponse(status: 200, body: request.body)
        if let answerBytes { response.body = [UInt8](repeating: 0x63, count: answerBytes) }
        response.framing = framing
        return response
    }
}

extension Peer {
    /// The status of the next answer; nil when the connection ended instead.
    func readStatus() async -> String? {
        guard let answer = await readRequest() else { return nil }
        return String(answer.split(separator: " ")[1])
    }
}
